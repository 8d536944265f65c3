import { mkdtempSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { SandboxCase } from '#sandbox/case-file';
import { imageModule, writeDicom } from '../support/dicom-writer.ts';
import {
  answer,
  breakOff,
  drip,
  type Fault,
  type FaultServer,
  redirect,
  silence,
  startFaultServer,
} from '../support/fault-server.ts';
import { type FoveaProcess, startFovea } from '../support/fovea-process.ts';
import {
  caseFiles,
  type Hospital,
  reasonOf,
  sandboxCases,
  startHospital,
  stateOf,
} from '../support/hospital.ts';

const template = sandboxCases().find((one) => one.id === 'elevated') as SandboxCase;
const boundary = 'fovea-test';
const related = { 'content-type': `multipart/related; type="application/dicom"; boundary=${boundary}` };

function multipart(file: Uint8Array): Buffer {
  return Buffer.concat([
    Buffer.from(`--${boundary}\r\ncontent-type: application/dicom\r\n\r\n`),
    file,
    Buffer.from(`\r\n--${boundary}--\r\n`),
  ]);
}
const file = (bytes: Uint8Array) => answer(200, related, multipart(bytes));

/** A chest radiograph by its header whose pixels are not what the header says. */
function lying(rows: number, columns: number, studyInstanceUid: string): Uint8Array {
  const { mrn, birthDate, gender } = template.patient;
  return writeDicom([
    [0x00080016, 'UI', '1.2.840.10008.5.1.4.1.1.1.1'],
    [0x00080018, 'UI', '2.25.1'],
    [0x00080020, 'DA', '20261120'],
    [0x00080060, 'CS', 'DX'],
    [0x00100020, 'LO', mrn],
    [0x00100030, 'DA', birthDate.replaceAll('-', '')],
    [0x00100040, 'CS', gender === 'female' ? 'F' : 'M'],
    [0x0020000d, 'UI', studyInstanceUid],
    ...imageModule({ rows, columns }),
    [0x7fe00010, 'OW', new Uint8Array(64)],
  ]);
}

/** A deflated file that inflates a thousandfold. @see DICOM PS3.5 A.5 */
function bomb(): Uint8Array {
  return writeDicom(
    [
      [0x00080060, 'CS', 'DX'],
      [0x7fe00010, 'OW', new Uint8Array(64 * 2 ** 20)],
    ],
    { transferSyntax: '1.2.840.10008.1.2.1.99', deflate: true },
  );
}

/** What the PACS does to each patient's study, and what the card then says. */
interface Row {
  readonly name: string;
  readonly fault: (good: Uint8Array, studyInstanceUid: string) => Fault;
  /** State and code of the card, after the first try of the job ended. */
  readonly state: 'pending' | 'failed' | 'abstained';
  readonly code: string | null;
}

const rows: readonly Row[] = [
  { name: 'refuses access', fault: () => answer(401), state: 'failed', code: 'DICOMWEB_UNAUTHORIZED' },
  { name: 'has no such study', fault: () => answer(404), state: 'failed', code: 'DICOMWEB_NOT_FOUND' },
  {
    name: 'answers with a web page',
    fault: () => answer(200, { 'content-type': 'text/html' }, '<html>'),
    state: 'failed',
    code: 'DICOMWEB_CONTENT_TYPE',
  },
  {
    name: 'redirects to a metadata address',
    fault: () => redirect('http://169.254.169.254/latest/'),
    state: 'failed',
    code: 'REDIRECT_REFUSED',
  },
  {
    name: 'gives a file that is not DICOM',
    fault: () => file(Buffer.from('hello, world')),
    state: 'failed',
    code: 'DICOM_NOT_DICOM',
  },
  {
    name: 'gives a truncated file',
    fault: (good) => file(good.subarray(0, good.length >> 1)),
    state: 'failed',
    code: 'DICOM_TRUNCATED',
  },
  {
    name: 'gives a file of 40,000 × 40,000',
    fault: (_good, study) => file(lying(40_000, 40_000, study)),
    state: 'failed',
    code: 'DICOM_TOO_LARGE',
  },
  {
    name: 'gives a file that inflates 1000 : 1',
    fault: () => file(bomb()),
    state: 'failed',
    code: 'DICOM_INFLATE_LIMIT',
  },
  { name: 'is busy for a second', fault: busyOnce, state: 'pending', code: 'DICOMWEB_BUSY' },
  {
    name: 'breaks off',
    fault: (good) => breakOff(related, multipart(good).subarray(0, 5000)),
    state: 'pending',
    code: 'DICOMWEB_TRUNCATED',
  },
  { name: 'says nothing', fault: () => silence, state: 'pending', code: 'DICOMWEB_TIMEOUT' },
  { name: 'drips', fault: () => drip(related, 100), state: 'pending', code: 'DICOMWEB_TIMEOUT' },
];

function busyOnce(good: Uint8Array): Fault {
  let asked = 0;
  return (request, response) => {
    asked += 1;
    (asked === 1 ? answer(503, { 'retry-after': '1' }) : file(good))(request, response);
  };
}

describe('a PACS that misbehaves: a coded card, the service unharmed', () => {
  const good = caseFiles(template)[0] as Uint8Array;
  const cases = rows.map((_, index): SandboxCase => {
    const study = template.studies[0] as SandboxCase['studies'][number];
    const uid = (kind: number) => `2.25.${900 + index}.${kind}`;
    const [series] = study.series;
    const [instance] = (series as (typeof study.series)[number]).instances;
    return {
      ...template,
      id: `fault-${index}`,
      patient: { ...template.patient, id: `fault-${index}` },
      studies: [
        {
          ...study,
          studyInstanceUid: uid(1),
          series: [
            {
              seriesInstanceUid: uid(2),
              instances: [
                { ...(instance as object), sopInstanceUid: uid(3) } as NonNullable<typeof instance>,
              ],
            },
          ],
        },
      ],
    };
  });
  let folder: string;
  let pacs: FaultServer;
  let hospital: Hospital;
  let fovea: FoveaProcess;

  beforeAll(async () => {
    folder = mkdtempSync(path.join(os.tmpdir(), 'fovea-test-pacs-'));
    const address = (index: number) =>
      `/wado/studies/2.25.${900 + index}.1/series/2.25.${900 + index}.2/instances/2.25.${900 + index}.3`;
    pacs = await startFaultServer(
      Object.fromEntries(
        rows.map((row, index) => [address(index), row.fault(good, `2.25.${900 + index}.1`)]),
      ),
    );
    hospital = await startHospital(cases, `${pacs.origin}/wado`);
    const config = path.join(folder, 'config.json');
    hospital.writeConfig(config, `${pacs.origin}/wado`);
    fovea = await startFovea('serve', { FOVEA_CONFIG: config, FOVEA_FETCH_TIMEOUT_MS: '1500' });
  });
  afterAll(async () => {
    await fovea?.stop();
    await hospital?.stop();
    await pacs?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it.each(rows.map((row, index) => ({ ...row, patient: `fault-${index}` })))(
    '$name: $state, $code',
    async ({ patient, state, code }) => {
      let card = (await hospital.openChart(fovea.base, patient)).cards[0];
      for (let tries = 0; tries < 60; tries++) {
        const settled =
          state === 'pending'
            ? card?.detail.includes('The last try did not succeed')
            : card !== undefined && stateOf(card) !== 'pending';
        if (settled) break;
        await new Promise((resolve) => setTimeout(resolve, 150));
        card = (await hospital.openChart(fovea.base, patient)).cards[0];
      }
      expect(stateOf(card)).toBe(state);
      if (state === 'pending') expect(card?.detail).toContain('The last try did not succeed');
      else expect(reasonOf(card)).toBe(code);
    },
  );

  it('the busy PACS was asked again, and the study then had its result', async () => {
    const patient = `fault-${rows.findIndex(({ name }) => name === 'is busy for a second')}`;
    const cards = await hospital.settled(fovea.base, patient);
    // The record's study is not the one that the file names: found, fetched, and refused for it.
    expect(['abstained', 'final']).toContain(stateOf(cards[0]));
  });

  it('through all of it hooks are answered, and the process is the same', async () => {
    expect(fovea.child.exitCode).toBeNull();
    const { status, milliseconds } = await hospital.openChart(fovea.base, 'fault-0');
    expect(status).toBe(200);
    expect(milliseconds).toBeLessThan(5000);
  });

  it('the call’s token never went to the PACS, which did not ask for one by the list', () => {
    expect(pacs.requests.length).toBeGreaterThan(0);
    expect(pacs.requests.every(({ headers }) => headers.authorization === undefined)).toBe(true);
  });
});
