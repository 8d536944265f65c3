import { escapeMarkdown } from '#cds/markdown';
import type { Card, IssuedCard } from '#cds/types';
import type { FinalResult, FindingView, HookTools, ModelFacts, StudyAssessment } from '#core/hook-tools';
import { codeSystems, extensionPrefix } from '#core/identifiers';
import { overrideReasons } from './override-reasons.ts';
import {
  aboutOfHundred,
  capitalised,
  interval,
  ofHundred,
  percent,
  plainDate,
  plainText,
  seconds,
  since,
  viewInWords,
} from './wording.ts';

/** What a card says where the record's list of studies could not be read to its end. */
const incompleteInWords =
  'Not all imaging studies of the record could be read for this card; others may exist that are not told of here.';

/**
 * One study as a card. `rest`: what to say of the studies that have no card of their own. `incomplete`: the record's
 * list of studies could not be read to its end.
 */
export function cardOf(
  study: StudyAssessment,
  tools: HookTools,
  rest: string | null,
  incomplete = false,
): IssuedCard {
  const body = bodyOf(study, tools);
  const detail = [body.detail, rest, incomplete ? incompleteInWords : null]
    .filter((part) => part !== null)
    .join('\n\n');
  return {
    card: {
      summary: body.summary,
      detail,
      indicator: body.indicator,
      source: {
        label: 'Fovea imaging AI',
        url: tools.links.home,
        topic: { system: codeSystems.cardTopic, code: body.topic, display: body.topicDisplay },
      },
      ...(body.overridable && { overrideReasons }),
      ...(body.links.length > 0 && { links: body.links }),
      extension: { [`${extensionPrefix}.assessment`]: body.extension },
    },
    subject: { studyKey: study.studyKey, ...body.subject },
  };
}

/** The studies beyond the card limit, counted in words, or null when there are none. */
export function restInWords(studies: readonly StudyAssessment[]): string | null {
  if (studies.length === 0) return null;
  const elevated = studies.filter(
    (study) =>
      study.state === 'final' && study.result.findings.some((finding) => finding.band === 'elevated'),
  ).length;
  if (studies.length === 1)
    return `One older study is not shown here; it is ${elevated === 1 ? '' : 'not '}elevated.`;
  return `${studies.length} older studies are not shown here; ${elevated === 0 ? 'none' : elevated} of them elevated.`;
}

interface Body {
  readonly summary: string;
  readonly detail: string;
  readonly indicator: Card['indicator'];
  readonly topic: string;
  readonly topicDisplay: string;
  readonly overridable: boolean;
  readonly links: NonNullable<Card['links']>;
  readonly extension: Readonly<Record<string, unknown>>;
  readonly subject: Readonly<Record<string, string>>;
}

function bodyOf(study: StudyAssessment, tools: HookTools): Body {
  switch (study.state) {
    case 'final':
      return finalBody(study, study.result, tools);
    case 'pending':
      return pendingBody(study, tools.now());
    case 'abstained':
      return silentBody(study, study.reason, study.model, study.assessmentId, tools);
    case 'failed':
      return silentBody(study, study.reason, null, null, tools);
  }
}

function finalBody(study: StudyAssessment, result: FinalResult, tools: HookTools): Body {
  const findings = [...result.findings].sort((a, b) => b.probability - a.probability);
  const first = findings[0] as FindingView;
  const research = result.model.use === 'research';
  const elevated = findings.some((finding) => finding.band === 'elevated');
  const what = findings.map(
    (finding) =>
      `${finding.label} ${percent(finding.probability)} (${interval(finding.interval)}), ${finding.band}`,
  );
  return {
    summary: summaryOf([
      `${studyName(study)}: `,
      what.join('; '),
      research ? ' – AI, research use' : ' – AI',
    ]),
    detail: [
      ...findings.map((finding) => findingInWords(finding, result)),
      imageInWords(study, result),
      modelInWords(result.model),
    ].join('\n\n'),
    indicator: elevated && !research ? 'warning' : 'info',
    topic: 'imaging-finding',
    topicDisplay: 'Imaging finding',
    overridable: true,
    links: linksOf(result.model, result.assessmentId, tools),
    extension: {
      state: 'final',
      assessment: result.assessmentId,
      model: { name: result.model.name, version: result.model.version, use: result.model.use },
      findings: findings.map((finding) => ({
        code: finding.code,
        probability: round(finding.probability),
        interval: finding.interval.map(round),
        band: finding.band,
        prevalence: finding.prevalence.value,
      })),
    },
    subject: { model: result.model.name, version: result.model.version, finding: first.name },
  };
}

function findingInWords(finding: FindingView, result: FinalResult): string {
  const { calibration, prevalence, zones, limits } = finding;
  const noun = result.model.populationNoun;
  const lead = `**${capitalised(finding.label)}: ${percent(finding.probability)}** (${interval(finding.interval)}, calibration uncertainty, n = ${calibration.n} images of ${calibration.patients} patients): ${bandInWords(finding)}.`;
  const share =
    prevalence.source === 'tenant'
      ? `this site’s share, to which the number was moved from ${ofHundred(prevalence.calibration)} of 100 at calibration`
      : 'the share at calibration; where it is rarer, fewer have it';
  const reliability = reliabilityInWords(finding);
  const points = [
    `**In numbers:** in a group where ${ofHundred(prevalence.value)} of 100 ${noun} have ${finding.label} (${share}), ${aboutOfHundred(finding.probability)} of 100 with this result have it.`,
    ...(zones.length > 0 ? [`**Where:** the image weighs most in the ${zones.join(', ')}.`] : []),
    ...(reliability === null ? [] : [reliability]),
    ...(finding.atypical
      ? [
          `**Atypical:** the image is unlike those with and those without ${finding.label} that the model was calibrated on.`,
        ]
      : []),
    ...(limits.length > 0 ? [`**Limits:** ${limits.join(' ')}`] : []),
  ];
  return [lead, points.map((point) => `- ${point}`).join('\n')].join('\n\n');
}

function bandInWords(finding: FindingView): string {
  if (finding.band === 'elevated') return 'elevated';
  if (finding.band === 'low') return 'low, which does not rule it out';
  return 'indeterminate: the image does not settle it either way';
}

function reliabilityInWords(finding: FindingView): string | null {
  const point = finding.operatingPoint;
  if (point === null) return null;
  const { sensitivity, specificity, ppv, npv, falsePerTrue } = point;
  const worth =
    finding.band === 'elevated'
      ? `Of such alerts ${percent(ppv.value)} (${interval(ppv.interval)}) are right at that share: ${falsePerTrue.toFixed(1)} false for each true one.`
      : `Of low results ${percent(npv.value)} (${interval(npv.interval)}) are right at that share.`;
  return `**How often it is right:** ${worth} On held-out patients it found ${percent(sensitivity.value)} (${interval(sensitivity.interval)}, n = ${sensitivity.n}) of those with ${finding.label} and was quiet on ${percent(specificity.value)} (${interval(specificity.interval)}, n = ${specificity.n}) of those without.`;
}

function imageInWords(study: StudyAssessment, result: FinalResult): string {
  const { view, ageYears } = result.image;
  const parts = [`Read: ${escapeMarkdown(study.description ?? 'radiograph')}, ${plainDate(study.started)}`];
  parts.push(view === null ? 'projection not stated, judged from the image' : viewInWords(view));
  if (ageYears !== null) parts.push(`age ${Math.floor(ageYears)} at the study`);
  return `${parts.join(', ')}. Of the record only the patient’s identity and age were used.`;
}

function modelInWords(model: ModelFacts): string {
  return `Model: ${model.title}, ${model.name} ${model.version}, made for ${model.population}. ${statusInWords(model.use)}`;
}

function statusInWords(use: string): string {
  if (use === 'research')
    return '**Research use: not cleared as a medical device; not for decisions on care.**';
  if (use === 'investigational') return '**Investigational use: not cleared as a medical device.**';
  return `Cleared: ${escapeMarkdown(use.replace(/^cleared:/, ''))}.`;
}

function pendingBody(study: Extract<StudyAssessment, { state: 'pending' }>, now: Date): Body {
  const usual = study.usualSeconds === null ? '' : ` It usually takes ${seconds(study.usualSeconds)}.`;
  const last = study.lastReason === null ? '' : `\n\nThe last try did not succeed: ${study.lastReason.text}`;
  return {
    summary: summaryOf([`${studyName(study)}: `, 'analysis in progress', ' – AI']),
    detail: `Being analysed since ${since(study.since, now)}.${usual} Open the chart again to see the result.${last}`,
    indicator: 'info',
    topic: 'analysis-in-progress',
    topicDisplay: 'Analysis in progress',
    overridable: false,
    links: [],
    extension: { state: 'pending', since: study.since.toISOString() },
    subject: {},
  };
}

function silentBody(
  study: StudyAssessment,
  reason: { readonly code: string; readonly text: string; readonly help: string },
  model: ModelFacts | null,
  assessmentId: string | null,
  tools: HookTools,
): Body {
  const abstained = study.state === 'abstained';
  return {
    summary: summaryOf([`${studyName(study)}: `, abstained ? 'no AI result' : 'AI analysis failed', '']),
    detail: [
      `${reason.text} ${reason.help}`,
      `This says nothing about the image itself.${model === null ? '' : ` Model: ${model.name} ${model.version}, made for ${model.population}.`} (${reason.code})`,
    ].join('\n\n'),
    indicator: 'info',
    topic: abstained ? 'abstained' : 'failed',
    topicDisplay: abstained ? 'No AI result' : 'AI analysis failed',
    overridable: model !== null,
    links: model === null ? [] : linksOf(model, assessmentId, tools),
    extension: {
      state: study.state,
      reason: { system: codeSystems.reason, code: reason.code, display: reason.text },
    },
    subject: model === null ? {} : { model: model.name, version: model.version },
  };
}

function linksOf(
  model: ModelFacts,
  assessmentId: string | null,
  tools: HookTools,
): NonNullable<Card['links']> {
  const evidence = assessmentId === null ? null : tools.links.evidence(assessmentId);
  return [
    {
      label: 'About the model: its 31 source attributes',
      url: tools.links.sourceAttributes(model.name, model.version),
      type: 'absolute',
    },
    ...(evidence === null
      ? []
      : [{ label: 'Evidence: image, explanation and checks', url: evidence, type: 'absolute' as const }]),
  ];
}

function studyName(study: StudyAssessment): string {
  const description = plainText(study.description ?? '');
  const name = description === '' ? plainText(study.modalities[0] ?? 'Study') : description;
  return `${name}, ${plainDate(study.started)}`;
}

/** A summary of at most 139 characters: the first part (the study's name) gives way. @see CDS Hooks 2.0 §Card Attributes */
function summaryOf([name, what, tail]: readonly [string, string, string]): string {
  const whole = name + what + tail;
  if (whole.length < 140) return whole;
  const room = 139 - what.length - tail.length;
  const shortName = room > 12 ? `${name.slice(0, room - 3).trimEnd()}…: ` : '';
  const short = shortName + what + tail;
  return short.length < 140 ? short : `${what.slice(0, 138 - tail.length).trimEnd()}…${tail}`;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
