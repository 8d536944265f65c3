import type {
  AppCardFeedback,
  AppDetector,
  AppEvidence,
  AppExplanation,
  AppFindingEvidence,
  AppQualityMeasure,
  AppSourceAttribute,
} from '#core/app';
import type { AppSession, AppTools } from '#core/app-ports';
import type { Assessment, Explanation, FindingResult } from '#core/assessment';
import { ServiceError } from '#core/error';
import type { FindingView } from '#core/hook-tools';
import { sourceAttributeDefinitions } from '#core/source-attributes';
import type { ModelPackage } from '#inference/package-types';
import type { CardOutcome } from '#store/answers';
import type { OpenedAssessment } from '#store/assessments';
import { tellStored } from '../patient-assessments.ts';
import type { OpenAssessment, Opened } from './access.ts';
import { distributionOf } from './distribution.ts';
import type { AppParts } from './parts.ts';
import { atPrevalence, prevalenceView } from './prevalence.ts';
import { answerView, reportOf, studyView } from './study-view.ts';
import { line, lines } from './text.ts';

/** Everything behind one assessment, and what it would be at another share. */
export function createEvidence(
  parts: AppParts,
  open: OpenAssessment,
): Pick<AppTools, 'evidence' | 'prevalence'> {
  return {
    async evidence(session, id) {
      const opened = await open(session, id);
      const { stored, asked, record } = opened;
      const { model, studyKey } = asked;
      const [told, answers, outcomes, findings] = await Promise.all([
        tellStored(parts, { tenant: session.tenant }, asked, stored),
        parts.answers.of(session.tenant.id, stored.id),
        parts.answers.cardOutcomes(session.tenant.id, studyKey, stored.model),
        findingsOf(session, opened),
      ]);
      const { assessment } = stored;
      const study = studyView(told, reportOf(record, asked.study), answers.at(-1) ?? null);
      return {
        study,
        model: {
          ...model.presenter.facts,
          variant: assessment.model?.variant ?? null,
          provider: assessment.model?.provider ?? null,
          released: model.package.manifest.released,
        },
        image: imageOf(parts, session, assessment),
        findings,
        gates: assessment.gates,
        quality: qualityOf(model.package, stored),
        outOfDistribution: detectorsOf(model.package, stored),
        sourceAttributes: attributesOf(model.package),
        madeFrom: attributeText(model.package, 'predictive_development_criteria'),
        notFor: attributeText(model.package, 'predictive_cautions_inappropriate_use'),
        timing: timingOf(assessment),
        answers: answers.map(answerView),
        cardFeedback: outcomes.map(feedbackView),
      } satisfies AppEvidence;
    },

    async prevalence(session, id, asked) {
      const { stored, asked: study } = await open(session, id);
      return atPrevalence(session.tenant, study.model, stored, asked);
    },
  };
}

function imageOf(
  { pseudonyms }: AppParts,
  { tenant }: AppSession,
  { image }: Assessment,
): AppEvidence['image'] {
  const uid = image?.sopInstanceUid ?? null;
  return {
    view: line(image?.view ?? null, 32),
    modality: line(image?.modality ?? null, 16),
    ageYears: image?.ageYears ?? null,
    studyDate: image?.studyDate ?? null,
    instance: uid === null ? null : pseudonyms.image(tenant.id, uid),
  };
}

/** Empty unless the assessment is final: where the model abstains there is neither number nor map. */
async function findingsOf(
  { tenant }: AppSession,
  { stored, asked: { model } }: Opened,
): Promise<readonly AppFindingEvidence[]> {
  const { assessment } = stored;
  if (assessment.status !== 'final') return [];
  const { findings } = model.presenter.present(tenant, stored);
  return Promise.all(
    findings.map(async (view: FindingView, index): Promise<AppFindingEvidence> => {
      const result = assessment.findings[index] as FindingResult;
      const calibration = model.package.calibration[view.name];
      if (calibration === undefined)
        throw new ServiceError('MODEL_PACKAGE_INVALID', { detail: 'A stored finding has no calibration.' });
      return {
        finding: view.name,
        set: result.set,
        alpha: calibration.conformal.alpha,
        here: prevalenceView(model, view),
        reliability: reliabilityOf(model.package, view.name),
        distribution: await distributionOf(calibration, result.probability),
        explanation: explanationOf(model.package, stored, view),
        neighbours: stored.private?.neighbours?.[view.name] ?? null,
      };
    }),
  );
}

/** The reliability table of the images that the model speaks on, where the package has one. */
function reliabilityOf({ evaluation }: ModelPackage, finding: string): AppFindingEvidence['reliability'] {
  const measured = evaluation.sets.filter(({ reliability }) => reliability?.[finding] !== undefined);
  const set = measured.find(({ name }) => name.endsWith('-spoken')) ?? measured[0];
  const bins = set?.reliability?.[finding];
  if (set === undefined || bins === undefined) return null;
  // Where a package does not say, each image counts as another patient’s.
  return { set: set.name, n: set.n, patients: set.patients ?? set.n, bins };
}

/**
 * A map relative to its own strongest cell. null where nothing speaks for the finding, and where the model pads its
 * input: which part of the map lies on the picture is not stored.
 */
function explanationOf(
  { manifest }: ModelPackage,
  stored: OpenedAssessment,
  { name, zones }: FindingView,
): AppExplanation | null {
  const map: Explanation | undefined = stored.private?.explanations.find(({ finding }) => finding === name);
  if (map === undefined || manifest.input.resize.aspect !== 'squash') return null;
  const strongest = Math.max(...map.values);
  if (!(strongest > 0)) return null;
  return {
    grid: map.grid,
    cellPixels: map.cellPixels,
    shares: map.values.map((value) => Math.round((Math.max(0, value) / strongest) * 1000) / 1000),
    zones,
    covers: [0, 0, 1, 1],
  };
}

/** What the quality gate measured, with the limits of the package. */
function qualityOf(
  { reference }: ModelPackage,
  { private: own }: OpenedAssessment,
): readonly AppQualityMeasure[] {
  return reference.quality.flatMap(({ name, minimum, maximum }): AppQualityMeasure[] => {
    const value = own?.quality[name];
    return value === undefined ? [] : [{ name, value, minimum, maximum }];
  });
}

/** Every detector's score as a share of its own limit: 1 + (score − threshold) / |threshold|. */
function detectorsOf(
  { reference }: ModelPackage,
  { private: own }: OpenedAssessment,
): readonly AppDetector[] {
  return (own?.outOfDistribution ?? []).flatMap(({ kind, score, threshold }, index): AppDetector[] => {
    // Scores are stored in the order of the package's detectors; a version of a package never changes.
    const detector = reference.detectors[index];
    if (detector?.kind !== kind) return [];
    return [
      {
        name: detector.name ?? kind,
        index: 1 + (score - threshold) / Math.max(Math.abs(threshold), 1e-9),
        falseAlarm: detector.falseAlarm,
      },
    ];
  });
}

function attributesOf({ sourceAttributes }: ModelPackage): readonly AppSourceAttribute[] {
  return sourceAttributeDefinitions.map(({ key, clause, name }) => ({
    key,
    clause,
    name,
    text: sourceAttributes[key]?.text ?? '',
  }));
}

function attributeText({ sourceAttributes }: ModelPackage, key: string): string {
  return sourceAttributes[key]?.text ?? '';
}

const steps = ['fetch', 'decode', 'preprocess', 'infer', 'explain', 'total'] as const;

function timingOf({ timing }: Assessment): AppEvidence['timing'] {
  return steps.flatMap((step) => {
    const milliseconds = timing[step];
    return milliseconds === undefined ? [] : [{ step, milliseconds: Math.round(milliseconds * 10) / 10 }];
  });
}

function feedbackView({ outcome, reason, comment, at }: CardOutcome): AppCardFeedback {
  return { outcome, reason: line(reasonText(reason)), comment: lines(comment, 2_000), at: at.toISOString() };
}

/** An override reason is a Coding; what else an EHR sends is not shown. @see CDS Hooks 2.0 §OverrideReason */
function reasonText(reason: unknown): string | null {
  if (typeof reason !== 'object' || reason === null) return null;
  const { display, code } = reason as { readonly display?: unknown; readonly code?: unknown };
  return [display, code].find((one): one is string => typeof one === 'string' && one !== '') ?? null;
}
