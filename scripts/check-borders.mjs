// Reads `cargo metadata --no-deps` from standard input and compares with the arrows below.
const ALLOWED = {
  'tandem-wire': [],
  'tandem-core': [],
  'tandem-turn': ['tandem-wire'],
  // Where peers find each other, the messages are the rules.
  'tandem-hub': ['tandem-core', 'tandem-wire'],
  'tandem-media': ['tandem-core', 'tandem-wire'],
  'tandem-net': ['tandem-core', 'tandem-media', 'tandem-turn', 'tandem-wire'],
  'tandem-server': ['tandem-core', 'tandem-hub', 'tandem-media', 'tandem-net', 'tandem-turn', 'tandem-wire'],
  tandem: ['tandem-server'],
  'tandem-sim': null, // anything: nothing ships from it
};
// Crates that compute and never wait, read a clock or open a socket.
const SANS_IO = ['tandem-wire', 'tandem-core', 'tandem-hub', 'tandem-media', 'tandem-turn'];
const IO = ['tokio', 'axum', 'rustls', 'socket2', 'mio', 'hyper', 'quinn-udp', 'tokio-tungstenite', 'async-std', 'smol'];
// The media engine, for one crate alone.
const ONLY = { str0m: ['tandem-media', 'tandem-sim'] };

let input = '';
for await (const part of process.stdin) input += part;
const { packages } = JSON.parse(input);
const ours = new Set(packages.map((p) => p.name));
const wrong = [];
for (const { name, dependencies } of packages) {
  if (!(name in ALLOWED)) {
    wrong.push(`${name} is a new crate: say in scripts/check-borders.mjs what it may depend on`);
    continue;
  }
  for (const { name: dependency, kind } of dependencies) {
    if (kind === 'dev') continue;
    if (ours.has(dependency) && ALLOWED[name] && !ALLOWED[name].includes(dependency)) wrong.push(`${name} must not depend on ${dependency}`);
    if (SANS_IO.includes(name) && IO.includes(dependency)) wrong.push(`${name} is a crate without IO and must not depend on ${dependency}`);
    if (dependency in ONLY && !ONLY[dependency].includes(name)) wrong.push(`${name} must not depend on ${dependency}: only ${ONLY[dependency].join(' and ')} may`);
  }
}
for (const line of wrong) console.log(line);
process.exit(wrong.length > 0 ? 1 : 0);
