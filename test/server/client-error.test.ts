import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { afterEach, expect, it } from 'vitest';
import { answerClientError } from '#server/client-error';
import { outcomeOf } from '../support/cds-server.ts';

let server: Server;
afterEach(() => {
  server.closeAllConnections();
  server.close();
});

async function portOf(started: Server): Promise<number> {
  server = started;
  server.on('clientError', answerClientError);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

it('an answer on its way is not followed by a second one', async () => {
  const port = await portOf(
    createServer((_request, response) => {
      response.writeHead(200, { 'content-length': '10' });
      response.write('12345');
    }),
  );
  const socket = connect(port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\nhost: x\r\n\r\n');
  let text = '';
  for await (const chunk of socket) {
    text += String(chunk);
    if (text.endsWith('12345')) socket.write('no HTTP\r\n\r\n');
  }
  expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/);
  expect(text.split('\r\n\r\n')[1]).toBe('12345');
});

it('a request whose head does not arrive in time is 408', async () => {
  const port = await portOf(createServer({ headersTimeout: 50, connectionsCheckingInterval: 20 }));
  const socket = connect(port, '127.0.0.1');
  socket.write('GET / HTTP/1.1\r\n');
  let text = '';
  for await (const chunk of socket) text += String(chunk);
  const [head = '', body = ''] = text.split('\r\n\r\n');
  expect(head).toMatch(/^HTTP\/1\.1 408 Request Timeout\r\n/);
  expect(outcomeOf(body)).toMatchObject({
    code: 'INVALID_REQUEST',
    text: expect.stringContaining('It did not arrive in time.'),
  });
});
