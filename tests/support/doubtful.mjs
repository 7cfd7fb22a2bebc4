// doubtful.mjs - HTTP/1.1 messages that two readers may see the end of in different places, and others
// that are not as they should be. Each has a request for `inner` behind it or in it. SPDX-License-Identifier: MIT

const CRLF = '\r\n';
const last = `0${CRLF}${CRLF}`;

// Gives [{name, bytes, ends}]. ends: 'inner': all agree that the inner request is one of its own;
// 'body': that it is not, but in a body; 'never': the message itself must not be taken, nor what is
// behind it. `path`, `inner`: paths of nobody's.
export function doubtful(path, inner) {
  const behind = `GET ${inner} HTTP/1.1${CRLF}Host: x${CRLF}${CRLF}`;
  const head = (method, fields, { target = path, version = 'HTTP/1.1' } = {}) =>
    `${method} ${target} ${version}${CRLF}Host: localhost${CRLF}${fields.map((each) => each + CRLF).join('')}${CRLF}`;
  const post = (fields, body, more) => head('POST', fields, more) + body + behind;
  const get = (fields, more) => head('GET', fields, more) + behind;
  const chunked = (body) => post(['Transfer-Encoding: chunked'], body);
  const n = behind.length;
  const cases = {
    'a length and chunks': ['never', post([`Content-Length: ${5 + n}`, 'Transfer-Encoding: chunked'], last)],
    'chunks and a length': ['never', head('POST', ['Transfer-Encoding: chunked', 'Content-Length: 4']) + `${n.toString(16)}${CRLF}${behind}${CRLF}${last}`],
    'two lengths': ['never', post(['Content-Length: 0', `Content-Length: ${n}`], '')],
    'two lengths that are one': ['never', post(['Content-Length: 2', 'Content-Length: 2'], '{}')],
    'a list of lengths': ['never', post([`Content-Length: 0, ${n}`], '')],
    'a list of one length': ['never', post(['Content-Length: 2, 2'], '{}')],
    'a length with a plus': ['never', post(['Content-Length: +2'], '{}')],
    'a length with a minus': ['never', post(['Content-Length: -2'], '{}')],
    'a length in hex': ['never', post(['Content-Length: 0x2'], '{}')],
    'a length with a semicolon': ['never', post(['Content-Length: 2;'], '{}')],
    'a length that is nothing': ['never', post(['Content-Length: '], '')],
    'a length over 64 bits': ['never', post(['Content-Length: 18446744073709551618'], '{}')],
    'a length over 32 bits': ['body', post(['Content-Length: 4294967298'], '{}')],
    'a length with zeros': ['inner', post(['Content-Length: 0002'], '{}')],
    'a length, a blank before its colon': ['never', post(['Content-Length : 2'], '{}')],
    'a length, folded': ['never', post(['Content-Length:', ` ${n}`], '')],
    'chunked, a blank before its colon': ['never', post(['Transfer-Encoding : chunked', `Content-Length: ${5 + n}`], last)],
    'chunked behind a tab': ['never', post(['Transfer-Encoding:\tchunked'], last)],
    'chunked behind a vertical tab': ['never', post(['Transfer-Encoding:\x0bchunked'], last)],
    'chunked, folded': ['never', post(['Transfer-Encoding:', ' chunked'], last)],
    'chunked behind a lone LF': ['never', post(['X: y\nTransfer-Encoding: chunked'], last)],
    'chunked behind a lone CR': ['never', post(['X: y\rTransfer-Encoding: chunked'], last)],
    'chunked in quotes': ['never', post(['Transfer-Encoding: "chunked"'], last)],
    xchunked: ['never', post(['Transfer-Encoding: xchunked'], last)],
    'chunked, identity': ['never', post(['Transfer-Encoding: chunked, identity'], last)],
    'gzip, chunked': ['never', post(['Transfer-Encoding: gzip, chunked'], last)],
    'chunked twice': ['never', post(['Transfer-Encoding: chunked', 'Transfer-Encoding: chunked'], last)],
    'chunked and a cow': ['never', post(['Transfer-Encoding: chunked', 'Transfer-Encoding: cow'], last)],
    'chunked in HTTP/1.0': ['never', post(['Transfer-Encoding: chunked'], last, { version: 'HTTP/1.0' })],
    'Transfer_Encoding': ['never', post(['Transfer_Encoding: chunked'], last)],
    'a chunk with an extension': ['never', chunked(`2;a=b${CRLF}{}${CRLF}${last}`)],
    'a chunk with an extension that ends in LF': ['never', chunked(`2;\n{}${CRLF}${last}`)],
    'a chunk with a plus': ['never', chunked(`+2${CRLF}{}${CRLF}${last}`)],
    'a chunk with 0x': ['never', chunked(`0x2${CRLF}{}${CRLF}${last}`)],
    'a chunk with a minus': ['never', chunked(`-2${CRLF}{}${CRLF}${last}`)],
    'a chunk with a blank': ['never', chunked(`2 ${CRLF}{}${CRLF}${last}`)],
    'a chunk with a blank before': ['never', chunked(` 2${CRLF}{}${CRLF}${last}`)],
    'a chunk over 64 bits': ['never', chunked(`10000000000000002${CRLF}{}${CRLF}${last}`)],
    'a chunk with a NUL': ['never', chunked(`2\0${CRLF}{}${CRLF}${last}`)],
    'a chunk without a size': ['never', chunked(`${CRLF}{}${CRLF}${last}`)],
    'chunks that end in LF': ['never', chunked('2\n{}\n0\n\n')],
    'a chunk that does not end': ['never', chunked(`2${CRLF}{}${last}`)],
    'a last chunk without its empty line': ['never', chunked(`2${CRLF}{}${CRLF}0${CRLF}`)],
    'a last chunk with an extension': ['never', chunked(`2${CRLF}{}${CRLF}0;a${CRLF}${CRLF}`)],
    trailers: ['never', chunked(`2${CRLF}{}${CRLF}0${CRLF}X: y${CRLF}Content-Length: 5${CRLF}${CRLF}`)],
    'chunks in order': ['never', chunked(`2${CRLF}{}${CRLF}${last}`)], // the last of its connection, to be sure
    'GET with a body': ['body', head('GET', [`Content-Length: ${n}`]) + behind],
    'GET with chunks': ['body', head('GET', ['Transfer-Encoding: chunked']) + `${n.toString(16)}${CRLF}${behind}${CRLF}${last}`],
    'lines that end in LF': ['never', `GET ${path} HTTP/1.1\nHost: localhost\n\n${behind}`],
    'an empty line of LF': ['never', `GET ${path} HTTP/1.1${CRLF}Host: localhost${CRLF}X: y\n\n${behind}`],
    'a folded field': ['never', get(['X: a', ' b'])],
    'a fold behind the request line': ['never', `GET ${path} HTTP/1.1${CRLF} Host: localhost${CRLF}X: y${CRLF}${CRLF}${behind}`],
    'NUL in a value': ['never', get(['X: a\0b'])],
    'NUL in a name': ['never', get(['X\0Y: b'])],
    'NUL in the target': ['never', get([], { target: `${path}\0` })],
    'CR in a value': ['never', get(['X: a\rY: b'])],
    'a field without a colon': ['never', get(['Nonsense'])],
    'a field without a name': ['never', get([': b'])],
    'a blank in a name': ['never', get(['A B: c'])],
    'two Hosts': ['never', get(['Host: other'])],
    'no Host': ['never', `GET ${path} HTTP/1.1${CRLF}X: y${CRLF}${CRLF}${behind}`],
    'no field at all': ['never', `GET ${path} HTTP/1.1${CRLF}${CRLF}${behind}`],
    'HTTP/0.9': ['never', `GET ${path}${CRLF}${behind}`],
    'HTTP/2.0 in a line': ['never', get([], { version: 'HTTP/2.0' })],
    'two blanks in the line': ['never', `GET  ${path} HTTP/1.1${CRLF}Host: localhost${CRLF}${CRLF}${behind}`],
    'tabs in the line': ['never', `GET\t${path}\tHTTP/1.1${CRLF}Host: localhost${CRLF}${CRLF}${behind}`],
    'a method in lower case': ['never', head('get', []) + behind],
    'a blank in the target': ['never', get([], { target: `${path}/a b` })],
    'a high byte in the target': ['never', get([], { target: `${path}\xff` })],
    'a # in the target': ['never', get([], { target: `${path}#x` })],
    'a URL as the target': ['never', get([], { target: `http://localhost${path}` })],
    'a URL of elsewhere': ['never', get([], { target: `http://other.example${path}` })],
    'OPTIONS *': ['never', head('OPTIONS', [], { target: '*' }) + behind],
    CONNECT: ['never', `CONNECT localhost:80 HTTP/1.1${CRLF}Host: localhost:80${CRLF}${CRLF}${behind}`],
    TRACE: ['never', head('TRACE', []) + behind],
    'Upgrade: h2c': ['never', get(['Connection: Upgrade, HTTP2-Settings', 'Upgrade: h2c', 'HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA'])],
    'Upgrade: websocket': ['never', get(['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=='])],
    'Upgrade: websocket, an odd version': ['never', get(['Connection: Upgrade', 'Upgrade: websocket', 'Sec-WebSocket-Version: 77'])],
    'Expect with a body': ['never', post(['Expect: 100-continue', 'Content-Length: 2'], '{}')],
    'Expect without a body': ['inner', get(['Expect: 100-continue'])],
    'an odd Expect': ['inner', post(['Expect: 100-continuee', 'Content-Length: 2'], '{}')],
    'Connection names fields': ['never', get(['Connection: close, Host, X-Forwarded-For, X-Voxpop-Edge-Id'])],
    'five at once': ['inner', head('GET', []).repeat(4) + behind],
    '64 fields': ['never', get(Array(63).fill('X-A: b'))],
    'a head of 17 KB': ['never', get([`X-A: ${'b'.repeat(17000)}`])],
    'a head of 80 KB': ['never', get([`X-A: ${'b'.repeat(80000)}`])],
  };
  return Object.entries(cases).map(([name, [ends, bytes]]) => ({ name, ends, bytes }));
}
