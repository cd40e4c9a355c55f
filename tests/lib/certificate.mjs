import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

/** Makes a certificate for this machine in a folder; nobody trusts it. The `tls` setting of a server that has it. */
export function certificate(folder) {
  const [certificate, key] = [join(folder, 'cert.pem'), join(folder, 'key.pem')];
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'];
  const { status, stderr } = spawnSync('openssl', [...request, '-keyout', key, '-out', certificate], { encoding: 'utf8' });
  if (status !== 0) throw new Error(`openssl made no certificate: ${stderr}`);
  return `tls: {certificate: ${certificate}, key: ${key}}`;
}
