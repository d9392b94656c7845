// Rows for the mock, and logs that give the real daemon rows of the same kinds.
//
//   node seed.mjs DIR    writes DIR/mosquitto.log and DIR/edge.log, with times of the last hours
//
// The tests ask the API what there is, so the two need not agree row by row; they need 21 rows or more, the client IDs of
// HOSTILE, and rows that differ in every column.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const MINUTE = 60_000;

/** Client IDs that try to be markup, to reorder or fake the line, or to break the layout. */
export const HOSTILE = {
  markup: '<img src=x onerror=alert(1)>',
  bidi: 'pump-\u202Egnp.exe',
  invisible: 'gate\u200Bway-7',
  long: `long-${'x'.repeat(195)}`,
};

const CLIENTS = [
  'thermo-21', 'gw-west-1', 'sensor-bay3-17', '6f1c2a90-51de-4f7b-9c0e-3d2f8a77b1c4', 'Zähler Süd 9', 'SN-4471-0093', 'kiosk-3',
  'line-2/robot-7', 'HA_core', 'auto-3C9D7E11-0A4B-5F6C-8D2E-91B3A7C5D0F4', 'meter/الشمال/12', 'plc-04', 'tracker-8812', 'door-east', 'node-red_7e1d',
  'boiler', 'cam-12', 'weather-2', 'ev-charger-31', 'pump-9', 'valve-17', 'lamp-a4', 'silo-2',
];

const REASONS = [
  ['no-credentials-found', 'No Credentials Found', 'Basic authentication failed: no credentials found matching clientId: {id}, username: {user}'],
  ['password-does-not-match', 'Password Does Not Match', 'Basic authentication failed: passwords do not match for {id}'],
  ['no-password-provided', 'No Password Provided', 'Basic authentication failed: no password provided'],
  ['peer-identity-not-verified', 'Peer Identity Not Verified', 'X.509 authentication failed: peer not authenticated'],
  ['no-authorization-rules-for-cn', 'No Authorization Rules for CN', 'X.509 authentication failed: no authorization rules for {id}'],
  ['other', 'Other', 'Client {id} disconnected: exceeded its quota of 20 messages per second'],
];

/** Rows as the API gives them, the newest half a minute before `now`. */
export function seedRows(now) {
  const rows = CLIENTS.map((clientId, index) => row(clientId, index, now));
  rows.splice(1, 0, ...Object.values(HOSTILE).map((clientId, index) => row(clientId, index + 40, now)));
  rows.splice(3, 0,
    { ...row('CN=press-4,O=Example Works', 51, now), identity: 'certificate', username: null, passwordProvided: null, tlsUsed: true },
    { ...row('unknown@2001:db8::17', 52, now), identity: 'address', ipAddress: '2001:db8::17', username: null, passwordProvided: null },
    { ...row('alice', 53, now), identity: 'username', username: 'alice' });
  rows.forEach((each, index) => {
    each.ts = now - 30_000 - index * 7 * MINUTE - index * index * 900;
    each.firstTs = each.ts - (each.attempts - 1) * 5 * MINUTE;
  });
  return rows;
}

function row(clientId, index, now) {
  const [reasonCode, title, words] = REASONS[index % REASONS.length];
  const username = index % 4 === 3 ? null : ['operator', 'alice', 'svc-meter', 'nobody'][index % 4];
  const tls = reasonCode.includes('cn') || reasonCode.includes('peer');
  const deduced = index % 7 === 3;
  const reason = `${title}: ${words.replace('{id}', clientId).replace('{user}', username ?? 'null')}`;
  const ipAddress = index % 9 === 5 ? null : index % 6 === 4 ? `2001:db8:0:${index}::${index + 1}` : `192.0.2.${index + 10}`;
  const port = 50_000 + index * 37;
  return {
    clientId,
    ipAddress,
    ts: now,
    username,
    passwordProvided: username === null ? null : reasonCode !== 'no-password-provided',
    tlsUsed: index % 5 === 1 ? null : tls,
    reason,
    reasonCode,
    alternatives: index % 8 === 0 ? ['password-does-not-match', 'no-password-provided'] : [],
    inferred: deduced && ipAddress ? ['ipAddress'] : index === 9 ? ['ts'] : [],
    identity: 'client-id',
    broker: index % 3 === 2 ? 'edge-mosquitto' : 'tbmq',
    attempts: index % 4 === 0 ? 1 + index * 13 : 1,
    firstTs: now,
    evidence: [
      `${Math.floor(now / 1000)}: New connection from ${ipAddress ?? '192.0.2.99'}:${port} on port ${tls ? 8883 : 1883}.`,
      `${Math.floor(now / 1000)}: Sending CONNACK to ${clientId} (0, 5)`,
      `${Math.floor(now / 1000)}: Client ${clientId} disconnected: not authorised.`,
    ],
  };
}

/** A log of Mosquitto 2.1: the hostile client IDs and every third of the others, without usernames. */
export function mosquittoLog(now) {
  const start = Math.floor(now / 1000) - 3600;
  const ids = [...Object.values(HOSTILE), ...CLIENTS.filter((_, index) => index % 3 === 2)];
  const lines = [`${start}: mosquitto version 2.1.2 starting`, `${start}: Opening ipv4 listen socket on port 1883.`, `${start}: mosquitto version 2.1.2 running`];
  ids.forEach((id, index) => {
    const time = start + 60 + index * 61;
    const from = `198.51.100.${index + 10}:${40_000 + index}`;
    lines.push(`${time}: New connection from ${from} on port 1883.`, `${time}: Sending CONNACK to ${id} (0, 5)`, `${time}: Client ${id} [${from}] disconnected: not authorised.`);
  });
  return `${lines.join('\n')}\n`;
}

/** A log of Mosquitto 2.0.22 with what the other does not show: usernames, passwords, TLS, deduced addresses, other reasons. */
export function edgeLog(now) {
  const start = Math.floor(now / 1000) - 3 * 3600;
  const lines = [`${start}: mosquitto version 2.0.22 starting`, `${start}: mosquitto version 2.0.22 running`];
  CLIENTS.filter((_, index) => index % 3 !== 2).forEach((id, index) => {
    const time = start + 60 + index * 97;
    const from = `192.0.2.${index + 10}:${50_000 + index}`;
    const opened = `${time}: New connection from ${from} on port ${index % 4 === 1 ? 8883 : 1883}.`;
    const kinds = [
      [opened, `${time}: Client ${id} disconnected, not authorised.`],
      [opened, `${time}: OpenSSL Error[0]: error:0A000086:SSL routines::certificate verify failed`, `${time}: Client <unknown> disconnected: Protocol error.`],
      [opened, `${time}: Protocol error from ${id}: password without username, closing connection.`, `${time}: Client <unknown> disconnected due to protocol error.`],
      [opened, `${time}: New client connected from ${from} as ${id} (p2, c1, k600, u'svc-meter').`, `${time}: Bad socket read/write on client ${id}: Invalid arguments provided.`],
    ];
    lines.push(...kinds[index % kinds.length]);
  });
  // Two at once: which address is whose can only be guessed.
  const time = start + 9000;
  lines.push(`${time}: New connection from 203.0.113.5:40001 on port 1883.`, `${time}: New connection from 203.0.113.6:40002 on port 1883.`,
    `${time}: Client twin-a disconnected, not authorised.`, `${time}: Client twin-b disconnected, not authorised.`);
  return `${lines.join('\n')}\n`;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const folder = process.argv[2];
  if (!folder) throw new Error('usage: node seed.mjs DIR');
  writeFileSync(join(folder, 'mosquitto.log'), mosquittoLog(Date.now()));
  writeFileSync(join(folder, 'edge.log'), edgeLog(Date.now()));
}
