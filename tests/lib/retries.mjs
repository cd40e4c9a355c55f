import { appendFileSync } from 'node:fs';

/** A Vitest reporter that writes down which tests passed only at a second try, so that the summary can say so. */
export default class Retries {
  onTestCaseResult(test) {
    if ((test.diagnostic()?.retryCount ?? 0) > 0 && process.env.RETRIES_FILE) appendFileSync(process.env.RETRIES_FILE, `${test.fullName}\n`);
  }
}
