import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';
import type { AppEvidence, AppPicture, AppPictures } from '#core/app';

const rows = 2560;
const columns = 2048;

/** A radiograph of 5 megapixels, 14 bits in 16: a gradient with noise, the same each time. */
function radiograph(): Uint8Array {
  const values = new Uint16Array(rows * columns);
  let state = 1;
  for (let at = 0; at < values.length; at += 1) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const [x, y] = [(at % columns) / columns - 0.5, Math.floor(at / columns) / rows - 0.5];
    values[at] = Math.min(16_383, Math.round(16_000 * Math.exp(-6 * (x * x + y * y)) + (state >>> 24)));
  }
  return new Uint8Array(values.buffer);
}

const picture: AppPicture = {
  transferSyntax: '1.2.840.10008.1.2.1',
  photometric: 'MONOCHROME2',
  rows,
  columns,
  frames: 1,
  samplesPerPixel: 1,
  planarConfiguration: null,
  bitsAllocated: 16,
  bitsStored: 14,
  highBit: 13,
  signed: false,
  rescale: null,
  windows: [{ center: 8000, width: 14_000, name: null }],
  padding: null,
  pixelSpacing: null,
  imagerPixelSpacing: [0.14, 0.14],
  position: null,
  orientation: null,
  frameOfReference: null,
  laterality: null,
  view: 'PA',
  instanceNumber: 1,
};
const pictures: AppPictures = {
  series: [{ key: 's0', modality: 'DX', description: null, instances: ['i0'] }],
  left: [],
};
const study = { key: 'k', started: '2026-01-01', description: 'Chest', modalities: ['DX'], images: 1 };
/** As much of the evidence as the viewer reads. */
const evidence = {
  study: { ...study, state: 'final', findings: [{ label: 'Pneumonia' }], reason: null },
  image: { instance: 'i0' },
  findings: [
    {
      finding: 'pneumonia',
      here: { probability: 0.7, interval: [0.6, 0.8] },
      explanation: {
        grid: [7, 7],
        cellPixels: 32,
        shares: Array.from({ length: 49 }, (_, cell) => cell / 48),
        zones: [],
        covers: [0, 0, 1, 1],
      },
    },
  ],
} as unknown as AppEvidence;

const kinds: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.css': 'text/css',
  '.wasm': 'application/wasm',
};

/** The page of the viewer with one radiograph behind it, on a port of its own. */
export async function startViewerSite(
  folder: string,
): Promise<{ readonly page: string; stop(): Promise<void> }> {
  const pixels = radiograph();
  const answers: Readonly<Record<string, unknown>> = {
    '/scenario/plain': { study, evidence, prior: null, locale: 'en' },
    '/api/launches/launch/studies/k/pictures': pictures,
    '/api/launches/launch/studies/k/pictures/s0/i0': picture,
  };
  const root = '/app/l/launch/';
  const server = createServer(async (request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    const answer = answers[pathname];
    if (answer !== undefined) {
      response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
      return;
    }
    if (pathname.endsWith('/frames/1')) {
      response.setHeader('content-type', 'application/octet-stream').end(pixels);
      return;
    }
    const name = pathname === root ? 'index.html' : path.basename(pathname);
    const file = await readFile(
      path.join(folder, name === 'index.html' ? name : path.join('assets', name)),
    ).catch(() => null);
    response.statusCode = file === null ? 404 : 200;
    response
      .setHeader('content-type', kinds[path.extname(name)] ?? 'application/octet-stream')
      .end(file ?? '');
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  return {
    page: `http://127.0.0.1:${port}${root}`,
    stop: () =>
      new Promise((stopped) => {
        server.closeAllConnections();
        server.close(() => stopped());
      }),
  };
}
