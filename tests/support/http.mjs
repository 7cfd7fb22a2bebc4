// http.mjs - HTTP as a test needs it: requests that say exactly what was sent and got, and raw
// bytes for what no client would send. SPDX-License-Identifier: MIT
import http from 'node:http';
import net from 'node:net';

import { slow } from './wait.mjs';

const agent = new http.Agent({ keepAlive: true, maxSockets: 64 });

// Sends one request. body: an object goes as JSON, form: an object goes as a form, text and
// Buffer as they are. Gives {status, headers, cookies, text, json, bytes, ms}.
export function request(method, url, { body, form, headers = {}, token, cookie, timeout = 10000, agent: own } = {}) {
  const send = { ...headers };
  let payload = body;
  if (form !== undefined) {
    payload = new URLSearchParams(form).toString();
    send['content-type'] ??= 'application/x-www-form-urlencoded';
  } else if (body !== undefined && typeof body !== 'string' && !Buffer.isBuffer(body)) {
    payload = JSON.stringify(body);
    send['content-type'] ??= 'application/json';
  }
  if (payload !== undefined) send['content-length'] ??= Buffer.byteLength(payload);
  else if (method !== 'GET' && method !== 'HEAD') send['content-length'] ??= 0;
  if (token) send.authorization = `Bearer ${token}`;
  if (cookie) send.cookie = cookie;
  const began = performance.now();
  return new Promise((resolve, reject) => {
    const target = new URL(url);
    const req = http.request({
      method, headers: send, agent: own ?? agent, host: target.hostname, port: target.port,
      path: target.pathname + target.search,
    }, (res) => {
      const chunks = [];
      res.on('data', (chunk) => chunks.push(chunk));
      res.on('error', reject);
      res.on('end', () => {
        clearTimeout(limit);
        resolve(answer(res.statusCode, res.headers, Buffer.concat(chunks), performance.now() - began));
      });
    });
    const limit = setTimeout(() => req.destroy(new Error(`${method} ${url}: no answer`)), timeout * slow);
    req.on('error', (error) => {
      clearTimeout(limit);
      // A kept connection may be closed by the server just as it is used again.
      if (error.code === 'ECONNRESET' && req.reusedSocket && !own) {
        resolve(request(method, url, { body, form, headers, token, cookie, timeout, agent: false }));
      } else {
        reject(error);
      }
    });
    req.end(payload);
  });
}

function answer(status, headers, bytes, ms) {
  const text = bytes.toString('utf8');
  return {
    status, headers, bytes, text, ms,
    cookies: (headers['set-cookie'] ?? []).map((line) => line.split(';')[0]).join('; '),
    get json() { return JSON.parse(text); },
    get problem() {
      if (!/^application\/problem\+json/.test(headers['content-type'] ?? '')) {
        throw new Error(`no problem+json but ${status} ${headers['content-type']}: ${text.slice(0, 300)}`);
      }
      return JSON.parse(text);
    },
  };
}

// Writes bytes (text or Buffer, or a list of them) to a port and reads one answer: until its
// Content-Length is there, or the peer closes. Gives {status, headers, text, closed}; status 0
// when the peer closed without a word.
export function raw(port, bytes, { timeout = 10000, host = '127.0.0.1' } = {}) {
  return new Promise((resolve, reject) => {
    let got = Buffer.alloc(0);
    const socket = net.connect(port, host);
    const done = (closed) => {
      clearTimeout(limit);
      socket.destroy();
      resolve(Object.assign(parse(got), { closed }));
    };
    const limit = setTimeout(() => {
      socket.destroy();
      reject(new Error(`no whole answer within ${timeout * slow} ms; got: ${got.toString('latin1').slice(0, 300)}`));
    }, timeout * slow);
    socket.on('connect', () => { for (const part of [bytes].flat()) socket.write(part, 'latin1'); });
    socket.on('data', (chunk) => {
      got = Buffer.concat([got, chunk]);
      if (isWhole(got)) done(false);
    });
    socket.on('close', () => done(true));
    socket.on('error', (error) => { // what was read before a reset still counts
      if (error.code === 'ECONNREFUSED') { clearTimeout(limit); reject(error); }
    });
  });
}

function parse(bytes) {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return { status: 0, headers: {}, text: bytes.toString('utf8') };
  const [first, ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const headers = {};
  for (const line of lines) headers[line.split(':')[0].toLowerCase()] = line.slice(line.indexOf(':') + 1).trim();
  const text = bytes.subarray(end + 4).toString('utf8');
  return { status: Number(first.split(' ')[1]), headers, text, get json() { return JSON.parse(text); } };
}

function isWhole(bytes) {
  const { status, headers } = parse(bytes);
  if (!status || status === 100) return false;
  if (headers['transfer-encoding']) return bytes.includes('\r\n0\r\n');
  return bytes.length - bytes.indexOf('\r\n\r\n') - 4 >= Number(headers['content-length'] ?? Infinity);
}
