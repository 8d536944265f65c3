import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { withStudy } from '../support/dicom-file.ts';
import { boundary } from '../support/records.ts';

/** Files by the first part of their address: `/<name>/studies/<study>…`. */
export interface DicomwebServer {
  readonly files: Readonly<Record<string, string>>;
}

/**
 * WADO-RS for any study: one instance, the file with the UIDs that were asked for, kept in memory so that the server
 * costs as little as one can. Any message asks how many instances it has sent.
 */
process.once('message', ({ files }: DicomwebServer) => {
  const held = new Map(Object.entries(files).map(([name, file]) => [name, readFileSync(file)]));
  let sent = 0;
  const server = createServer((request, response) => {
    const [, name = '', study = ''] = /^\/([\w-]+)\/studies\/([\d.]+)/.exec(request.url ?? '') ?? [];
    const file = held.get(name);
    if (file === undefined || /\/(metadata|rendered|instances\?)/.test(request.url ?? '')) {
      response.writeHead(404).end();
      return;
    }
    const head = `--${boundary}\r\nContent-Type: application/dicom\r\n\r\n`;
    const end = `\r\n--${boundary}--\r\n`;
    response.writeHead(200, {
      'content-type': `multipart/related; type="application/dicom"; boundary=${boundary}`,
      'content-length': head.length + file.length + end.length,
    });
    const [start, rest] = withStudy(file, study);
    response.write(head);
    response.write(start);
    response.write(rest);
    response.end(end);
    sent += 1;
  });
  server.keepAliveTimeout = 60_000;
  server.listen(0, '127.0.0.1', () => {
    const { port } = server.address() as { port: number };
    process.send?.({ base: `http://127.0.0.1:${port}` });
    process.on('message', () => process.send?.({ sent }));
  });
});
process.once('disconnect', () => process.exit());
