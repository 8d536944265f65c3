import http from 'node:http';
import https from 'node:https';
import type { AddressInfo, Socket } from 'node:net';

/** What the server does with one request. */
export type Fault = (request: http.IncomingMessage, response: http.ServerResponse) => void;

export interface FaultServer {
  /** `http://127.0.0.1:<port>`, or https. */
  readonly origin: string;
  readonly port: number;
  /** What arrived: path with query, and headers, in order. */
  readonly requests: readonly { readonly url: string; readonly headers: http.IncomingHttpHeaders }[];
  /** Connections that were accepted so far. */
  readonly connections: () => number;
  readonly close: () => Promise<void>;
}

/**
 * A server on loopback that misbehaves in ways that a real one cannot be made to: each path has its fault, what is
 * not named is 404.
 */
export async function startFaultServer(
  faults: Readonly<Record<string, Fault>>,
  tls?: { readonly key: string; readonly cert: string },
): Promise<FaultServer> {
  const requests: { url: string; headers: http.IncomingHttpHeaders }[] = [];
  const listener: http.RequestListener = (request, response) => {
    const url = request.url ?? '';
    requests.push({ url, headers: request.headers });
    const fault = faults[url] ?? faults[url.replace(/\?.*$/, '')];
    if (fault === undefined) response.writeHead(404).end();
    else fault(request, response);
  };
  const server = tls === undefined ? http.createServer(listener) : https.createServer(tls, listener);
  const sockets = new Set<Socket>();
  let connections = 0;
  server.on('connection', (socket: Socket) => {
    connections++;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    origin: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    port,
    requests,
    connections: () => connections,
    close: async () => {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Answers with status, headers and body. */
export const answer =
  (status: number, headers: http.OutgoingHttpHeaders = {}, body: string | Uint8Array = ''): Fault =>
  (_request, response) => {
    response.writeHead(status, headers).end(body);
  };

export const redirect = (location: string, status = 302): Fault => answer(status, { location });

/** Takes the request and never says a word. */
export const silence: Fault = () => undefined;

/** Sends the head and `start`, then nothing more. */
export const stall =
  (headers: http.OutgoingHttpHeaders, start: string | Uint8Array): Fault =>
  (_request, response) => {
    response.writeHead(200, headers).write(start);
  };

/** One byte every `milliseconds`, without end: never silent for long, never done. */
export const drip =
  (headers: http.OutgoingHttpHeaders, milliseconds: number): Fault =>
  (_request, response) => {
    response.writeHead(200, headers);
    const timer = setInterval(() => response.write('.'), milliseconds);
    response.on('close', () => clearInterval(timer));
  };

/** Sends the head and `start`, then `chunk` again and again as fast as it is taken, without end. */
export const endless =
  (
    headers: http.OutgoingHttpHeaders,
    { status = 200, start = '', chunk = Buffer.alloc(64 << 10) as Uint8Array } = {},
  ): Fault =>
  (_request, response) => {
    response.writeHead(status, headers).write(start);
    const more = (): void => {
      while (!response.destroyed && response.write(chunk));
    };
    response.on('drain', more);
    more();
  };

/** Sends the head and `start` and cuts the connection. With Content-Length in `headers` or chunked. */
export const breakOff =
  (headers: http.OutgoingHttpHeaders, start: string | Uint8Array): Fault =>
  (_request, response) => {
    response.writeHead(200, headers);
    response.write(start, () => response.socket?.destroySoon());
  };

/** Bytes as they are, not HTTP of Node's making; then the connection is closed. */
export const raw =
  (bytes: string): Fault =>
  (_request, response) => {
    response.socket?.end(bytes);
  };
