import { readFileSync } from 'node:fs';
import path from 'node:path';
import { parse } from 'csv-parse/sync';
import { readHeader } from '#dicom/attributes';
import { parseDicom } from '#dicom/parse';
import type { SandboxCase } from '#sandbox/case-file';
import { sharedData } from './shared.ts';

/** A public DICOM file with the chart that its header describes. */
export interface RealChart {
  readonly name: string;
  readonly bytes: Uint8Array;
  readonly chart: SandboxCase;
}

/** Charts for the public radiographs of the shared data, one a study; none where the data are not there. */
export function realCharts(): readonly RealChart[] {
  const manifest = sharedData('dicom', 'manifest.csv');
  if (manifest === null) return [];
  const rows = parse(readFileSync(manifest), { columns: true }) as { file: string; modality: string }[];
  const charts = rows
    .filter(({ modality }) => modality === 'CR' || modality === 'DX')
    .map(({ file }) => chartOf(file, readFileSync(path.join(path.dirname(manifest), file))));
  return [...new Map(charts.map((one) => [one.chart.studies[0]?.studyInstanceUid, one])).values()];
}

function chartOf(name: string, bytes: Uint8Array): RealChart {
  const header = readHeader(parseDicom(bytes));
  const id = `real-${name.replace(/[^A-Za-z0-9]+/g, '-')}`.slice(0, 64);
  const uid = (value: string | null) => value ?? '2.25.1';
  return {
    name,
    bytes,
    chart: {
      id,
      folder: id,
      title: name,
      expected: { status: null, band: null, reasonCode: null },
      endpoint: 'normal',
      patient: {
        id,
        mrn: header.patientId ?? '',
        family: 'Public',
        given: 'File',
        gender: header.sex === 'F' ? 'female' : header.sex === 'M' ? 'male' : 'unknown',
        birthDate: header.birthDate ?? '1900-01-01',
      },
      studies: [
        {
          studyInstanceUid: uid(header.studyInstanceUid),
          started: header.studyDate ?? '2000-01-01',
          accession: id.slice(0, 16),
          description: 'A public file',
          modality: header.modality ?? 'CR',
          bodySite: header.bodyPart,
          view: header.viewPosition,
          series: [
            {
              seriesInstanceUid: uid(header.seriesInstanceUid),
              instances: [
                {
                  sopInstanceUid: uid(header.sopInstanceUid),
                  sopClassUid: uid(header.sopClassUid),
                  file: name,
                  preview: '',
                },
              ],
            },
          ],
        },
      ],
    },
  };
}
