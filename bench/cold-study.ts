import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import type { PhysicalTimes } from './children/physical-path.ts';
import type { Context, Group } from './context.ts';
import { atMost, measuredRow, type Row, skippedRow } from './row.ts';
import { type Child, startChild, timeCommand } from './support/children.ts';
import { findCommand } from './support/commands.ts';
import { createAgent, post } from './support/load.ts';
import { fullSize, shippedModel } from './support/model.ts';
import { interleaved, median, ratios } from './support/numbers.ts';
import { cardStates, seriesUid, studyUid } from './support/records.ts';
import { openSite, type Site } from './support/site.ts';

const name = 'cold-study';
const raw = atMost(`${name}.raw`, 1.15, '×');
const jpegLs = atMost(`${name}.jpeg-ls`, 1.15, '×');

/** From a hook call for a study that nobody has read to its stored assessment. */
export const coldStudy: Group = {
  name,
  about:
    'a 10 MB radiograph from hook call to stored assessment, to its retrieval, decoding and one run of the network',
  goals: [raw, jpegLs],
  async run(context) {
    const pkg = await shippedModel();
    const { file } = await fullSize(pkg);
    const encoded = await encodeJpegLs(context, file);
    const files = { raw: file, ...(encoded !== null && { 'jpeg-ls': encoded }) };
    // The call waits for its study, so that its answer tells when the assessment is stored.
    const site = await openSite(context, name, files, { FOVEA_HOOK_BUDGET_MS: '60000' });
    const { child: physical } = await startChild('physical-path', { folder: pkg.folder });
    try {
      const rows: Row[] = [];
      if (context.wants(raw)) rows.push(await compare(context, site, physical, raw, 'raw', 1));
      if (!context.wants(jpegLs)) return rows;
      rows.push(
        encoded === null
          ? skippedRow(jpegLs, 'dcmcjpls (dcmtk) is not installed')
          : await compare(context, site, physical, jpegLs, 'jpeg-ls', 2),
      );
      return rows;
    } finally {
      await physical.stop();
      await site.stop();
    }
  },
};

async function encodeJpegLs(context: Context, file: Buffer): Promise<Buffer | null> {
  const command = findCommand('dcmcjpls');
  if (command === null) return null;
  const from = path.join(context.folder, `${name}-raw.dcm`);
  const to = path.join(context.folder, `${name}-jpeg-ls.dcm`);
  writeFileSync(from, file);
  await timeCommand(command, [from, to]);
  return readFileSync(to);
}

async function compare(
  context: Context,
  site: Site,
  physical: Child,
  goal: typeof raw,
  file: string,
  block: number,
): Promise<Row> {
  const rounds = context.count(25);
  const warmUp = context.quick ? 2 : 6;
  const agent = createAgent();
  const steps: PhysicalTimes[] = [];
  const states = new Set<string>();
  await site.stock(rounds + warmUp);
  const times = await interleaved(
    {
      fovea: async (round) => {
        const { status, body, milliseconds } = await post(
          site.call([studyUid(block * 1_000_000 + round)], file),
          agent,
        );
        const state = status === 200 ? (cardStates(body)[0] ?? 'no card') : String(status);
        if (!/^(final|abstained)/.test(state)) throw new Error(`a cold study ended as ${state}`);
        states.add(state);
        return milliseconds;
      },
      physical: async (round) => {
        const study = studyUid(block * 1_000_000 + 500_000 + round);
        const url = `${site.root(file)}/studies/${study}/series/${seriesUid(study)}`;
        const one = await physical.ask<PhysicalTimes>(url);
        steps.push(one);
        return one.retrieve + one.decode + one.run;
      },
    },
    rounds + warmUp,
  );
  agent.destroy();
  context.say(`${name}: ${file}, ${rounds} studies, ${[...states].join(', ')}`);
  const settled = (values: readonly number[]) => values.slice(warmUp);
  const part = (step: keyof PhysicalTimes) => median(settled(steps.map((one) => one[step])));
  const [fovea, bare] = [settled(times.fovea), settled(times.physical)];
  const [foveaMs, physicalMs] = [median(fovea), median(bare)];
  return measuredRow(goal, {
    value: foveaMs / physicalMs,
    n: rounds,
    each: ratios(fovea, bare),
    parts: {
      foveaMs,
      physicalMs,
      retrieveMs: part('retrieve'),
      decodeMs: part('decode'),
      runMs: part('run'),
    },
    note: `The assessments are ${[...states].join(', ')}.`,
  });
}
