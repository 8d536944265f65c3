import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { decodeFrames } from '#dicom/decode';
import { type Codecs, createCodecs } from '#dicom/decoders/codecs';
import { parseDicom } from '#dicom/parse';
import type { Context, Group } from './context.ts';
import { atMost, type Goal, measuredRow, type Row, skippedRow } from './row.ts';
import { timeCommand } from './support/children.ts';
import { findCommand } from './support/commands.ts';
import { fullSize, shippedModel } from './support/model.ts';
import { interleaved, median, timed } from './support/numbers.ts';

type Command = readonly [name: string, ...options: string[]];

/** One transfer syntax: how its file is made, and which commands of dcmtk and gdcm read it. */
interface Syntax {
  readonly goal: Goal;
  readonly encode: Command;
  readonly native: readonly Command[];
}

/** Each command reads a file and writes it uncompressed, so that reading the uncompressed file is what they share. */
const gdcm: Command = ['gdcmconv', '--raw'];
const syntaxes: readonly Syntax[] = [
  { goal: atMost('decode.jpeg-ls', 1.1, '×'), encode: ['dcmcjpls'], native: [['dcmdjpls'], gdcm] },
  { goal: atMost('decode.rle', 1.1, '×'), encode: ['dcmcrle'], native: [['dcmdrle'], gdcm] },
  {
    goal: atMost('decode.jpeg-lossless', 1.5, '×'),
    encode: ['dcmcjpeg', '+e1'],
    native: [['dcmdjpeg'], gdcm],
  },
  { goal: atMost('decode.jpeg-2000', 1.5, '×'), encode: ['gdcmconv', '--j2k'], native: [gdcm] },
];

/** The codecs beside those of dcmtk and gdcm, on the radiograph of 2000 × 2500. */
export const decode: Group = {
  name: 'decode',
  about:
    'decoding a 10 MB radiograph, to the faster of dcmtk and gdcm: their whole process less the same process on an uncompressed file',
  goals: syntaxes.map(({ goal }) => goal),
  async run(context) {
    const raw = path.join(context.folder, 'decode-raw.dcm');
    writeFileSync(raw, (await fullSize(await shippedModel())).file);
    const codecs = createCodecs();
    const rows: Row[] = [];
    for (const syntax of syntaxes.filter(({ goal }) => context.wants(goal)))
      rows.push(await measure(context, syntax, raw, codecs));
    return rows;
  },
};

async function measure(
  context: Context,
  { goal, encode, native }: Syntax,
  raw: string,
  codecs: Codecs,
): Promise<Row> {
  const encoder = findCommand(encode[0]);
  if (encoder === null) return skippedRow(goal, `${encode[0]} is not installed`);
  const readers = native.filter(([name]) => findCommand(name) !== null);
  if (readers.length === 0)
    return skippedRow(goal, `${native.map(([name]) => name).join(', ')}: none is installed`);
  context.say(goal.name);
  const encoded = path.join(context.folder, `${goal.name}.dcm`);
  await timeCommand(encoder, [...encode.slice(1), raw, encoded]);
  const out = path.join(context.folder, 'decode-out.dcm');
  const bytes = new Uint8Array(readFileSync(encoded));

  const run = ([name, ...options]: Command, file: string) =>
    timeCommand(findCommand(name) as string, [...options, file, out]);
  const ways = Object.fromEntries(
    readers.flatMap((reader) => [
      [`${reader[0]} compressed`, () => run(reader, encoded)],
      [`${reader[0]} uncompressed`, () => run(reader, raw)],
    ]),
  );
  const fovea = () => timed(() => decodeFrames(parseDicom(bytes), { frames: [0], codecs }));
  const rounds = context.count(9);
  for (let warmUp = 0; warmUp < (context.quick ? 1 : 4); warmUp++) await fovea();
  const times: Record<string, number[]> = await interleaved({ fovea, ...ways }, rounds);
  const own = times['fovea'] ?? [];
  // The two runs of one round, so that what slowed the machine then has slowed both.
  const each = readers.map(([name]) => ({
    name: `${name}Ms`,
    times: (times[`${name} compressed`] ?? []).map(
      (compressed, round) => compressed - (times[`${name} uncompressed`]?.[round] ?? Number.NaN),
    ),
  }));
  const fastest = each.reduce((best, one) => (median(one.times) < median(best.times) ? one : best));
  const nativeMs = median(fastest.times);
  if (!(nativeMs > 0))
    return skippedRow(goal, 'the native decoders took no time that can be told from noise');
  const foveaMs = median(own);
  return measuredRow(goal, {
    value: foveaMs / nativeMs,
    n: rounds,
    each: own.map((one) => one / nativeMs),
    parts: {
      foveaMs,
      ...Object.fromEntries(each.map((one) => [one.name, median(one.times)])),
      encodedMB: bytes.length / 1e6,
    },
  });
}
