import http from 'node:http';
import { decodeFrames } from '#dicom/decode';
import { createCodecs } from '#dicom/decoders/codecs';
import { parseDicom } from '#dicom/parse';
import { openModel } from '#inference/model';
import { loadPackage } from '#inference/package';
import { greyImage8, prepareImage, toTensor } from '#inference/preprocess';
import { boundary } from '../support/records.ts';

/** Milliseconds of the three things that no way to a score can do without. */
export interface PhysicalTimes {
  readonly retrieve: number;
  readonly decode: number;
  readonly run: number;
}

/** First message: the folder of the model package. Then: an address of one instance, answered with its times. */
process.once('message', async ({ folder }: { readonly folder: string }) => {
  const pkg = await loadPackage(folder);
  const model = await openModel(pkg, { providers: ['cpu'] });
  const codecs = createCodecs();
  const agent = new http.Agent({ keepAlive: true });
  const { input, outputs } = pkg.manifest;
  const [golden] = pkg.golden.cases;
  if (golden === undefined) throw new Error('the package has no golden case');
  const tensor = toTensor(prepareImage(greyImage8(golden.rows, golden.columns, golden.pixels), input), input);
  const names = [outputs.logits.name, outputs.features.name, outputs.cam.name];

  process.on('message', async (url: string) => {
    const started = performance.now();
    const file = await retrieve(url, agent);
    const retrieved = performance.now();
    decodeFrames(parseDicom(file), { frames: [0], codecs });
    const decoded = performance.now();
    await model.session.run(input.name, tensor, input.shape, names);
    const times: PhysicalTimes = {
      retrieve: retrieved - started,
      decode: decoded - retrieved,
      run: performance.now() - decoded,
    };
    process.send?.(times);
  });
  process.send?.('ready');
});
process.once('disconnect', () => process.exit());

/** One file of a multipart answer of known length, in one buffer. */
function retrieve(url: string, agent: http.Agent): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const headers = { accept: 'multipart/related; type="application/dicom"; transfer-syntax=*' };
    http
      .get(url, { agent, headers }, (response) => {
        const body = Buffer.allocUnsafeSlow(Number(response.headers['content-length']));
        let length = 0;
        response.on('data', (chunk: Buffer) => {
          chunk.copy(body, length);
          length += chunk.length;
        });
        response.on('error', reject);
        response.on('end', () => {
          const start = body.indexOf('\r\n\r\n') + 4;
          resolve(body.subarray(start, body.lastIndexOf(`\r\n--${boundary}--`)));
        });
      })
      .on('error', reject);
  });
}
