#!/usr/bin/env bash
# No hand-written source file may be longer than 800 lines.
source "$(dirname "$0")/lib.sh"
LIMIT=800
bad=0
while IFS= read -r file; do
  [[ -f $file ]] || continue
  lines=$(wc -l <"$file")
  if ((lines > LIMIT)); then
    echo "$file has $lines lines; the limit is $LIMIT"
    bad=1
  fi
done < <(git ls-files --cached --others --exclude-standard '*.rs' '*.ts' '*.tsx' '*.css' '*.mjs' '*.js' '*.py' '*.go' '*.sh' | grep -v -e /generated/ -e '\.min\.js$')
exit $bad
