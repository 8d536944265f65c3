import { sql } from 'kysely';
import type { Database } from '#store/database';
import { studyHash } from '#store/keys';

/** How the n-th stored study is named, from 0. */
export interface FilledStudy {
  readonly tenant: string;
  readonly studyInstanceUid: string;
  readonly contentDigest: string;
  readonly model: { readonly name: string; readonly version: string };
}

const tenant = 'bench';
const model = { name: 'bench-model', version: '1.0.0' } as const;
const contentDigest = '0'.repeat(64);
/** Rows of one statement. */
const chunk = 20_000;

export function filledStudy(n: number): FilledStudy {
  return { tenant, studyInstanceUid: `2.25.${n}`, contentDigest, model };
}

/** An assessment as large as one of a real study, JSON. */
const assessment = JSON.stringify({
  status: 'final',
  reason: null,
  model: { ...model, variant: 'fp32', provider: 'cpu' },
  image: { sopInstanceUid: null, view: 'AP', modality: 'DX', ageYears: 3.5, studyDate: '2026-01-01' },
  findings: [
    {
      name: 'pneumonia',
      code: { system: 'http://snomed.info/sct', code: '233604007', display: 'Pneumonia' },
      probability: 0.82,
      interval: [0.74, 0.88],
      band: 'elevated',
      set: ['present'],
      atypical: false,
      zones: ['right lower zone'],
    },
  ],
  gates: [
    'modality',
    'body-part',
    'view',
    'age',
    'photometric',
    'size',
    'burned-in',
    'patient',
    'quality',
  ].map((gate) => ({ gate, passed: true, detail: 'Within what the model was made for.' })),
  timing: { fetch: 20, decode: 40, preprocess: 12, infer: 90, explain: 1, total: 163 },
});

/**
 * Stores the assessments of `count` studies ({@link filledStudy} 0 to count − 1), each with its done job and private
 * row, 20,000 a statement, and refreshes the statistics that the planner goes by. Studies that are there stay.
 */
export async function fillStore(database: Database, count: number): Promise<void> {
  for (let from = 0; from < count; from += chunk) {
    const uids = Array.from({ length: Math.min(chunk, count - from) }, (_, n) => {
      const { studyInstanceUid } = filledStudy(from + n);
      return { uid: studyInstanceUid, hash: studyHash(tenant, studyInstanceUid) };
    });
    await sql`
      with study as (
        select uid, hash, gen_random_uuid() as id
        from json_to_recordset(${JSON.stringify(uids)}::json) as given (uid text, hash text)
      ), stored as (
        insert into assessments (id, tenant, study_hash, content_digest, model_name, model_version, status,
          assessment)
        select id, ${tenant}, hash, ${contentDigest}, ${model.name}, ${model.version}, 'final', ${assessment}::json
        from study
        on conflict (study_hash, model_name, model_version, content_digest) do nothing
        returning id, study_hash
      ), hidden as (
        insert into assessment_private (assessment_id, study_uid, result)
        select stored.id, study.uid, null from stored join study on study.id = stored.id
      )
      insert into jobs (id, tenant, study_hash, study_uid, content_digest, model_name, model_version, payload,
        credential, state, max_attempts, attempts, started_at, settled_at)
      select stored.id, ${tenant}, study.hash, study.uid, ${contentDigest}, ${model.name}, ${model.version}, '{}',
        'none', 'done', 5, 1, now(), now()
      from stored join study on study.id = stored.id`.execute(database.kysely);
  }
  await sql`analyze assessments, assessment_private, jobs`.execute(database.kysely);
}
