import { escapeMarkdown } from '#cds/markdown';
import type { Card, IssuedCard } from '#cds/types';
import type { FinalResult, FindingView, HookTools, ModelFacts, StudyAssessment } from '#core/hook-tools';
import { codeSystems, extensionPrefix } from '#core/identifiers';
import { percentWithRange } from '#core/shares';
import { findingInWords } from './finding.ts';
import { incompleteInWords } from './notes.ts';
import { overrideReasons } from './override-reasons.ts';
import { cut, plainDate, plainText, seconds, since, viewInWords } from './wording.ts';

/** One study as a card. `untold`: what to say of the studies that have no card of their own. */
export function cardOf(study: StudyAssessment, tools: HookTools, untold: string | null): IssuedCard {
  const body = bodyOf(study, tools);
  const detail = untold === null ? body.detail : `${body.detail}\n\n${untold}`;
  return { card: toCard({ ...body, detail }, tools), subject: { studyKey: study.studyKey, ...body.subject } };
}

/** The card of a call without any other, where the record's list of studies could not be read to its end. */
export function incompleteCard(tools: HookTools): IssuedCard {
  const body: Body = {
    summary: 'Imaging studies: not all could be read – AI',
    detail: `${incompleteInWords} Open the chart again to try once more.`,
    indicator: 'info',
    topic: 'incomplete',
    topicDisplay: 'Studies not read',
    overridable: false,
    links: [],
    extension: { state: 'incomplete' },
    subject: {},
  };
  return { card: toCard(body, tools) };
}

function toCard(body: Body, tools: HookTools): Card {
  return {
    summary: body.summary,
    detail: body.detail,
    indicator: body.indicator,
    source: {
      label: 'Fovea imaging AI',
      url: tools.links.home,
      topic: { system: codeSystems.cardTopic, code: body.topic, display: body.topicDisplay },
    },
    ...(body.overridable && { overrideReasons }),
    ...(body.links.length > 0 && { links: body.links }),
    extension: { [`${extensionPrefix}.assessment`]: body.extension },
  };
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
    case 'failed':
      return silentBody(study, tools);
  }
}

function finalBody(study: StudyAssessment, result: FinalResult, tools: HookTools): Body {
  const findings = [...result.findings].sort((a, b) => b.probability - a.probability);
  const first = findings[0] as FindingView;
  const research = result.model.use === 'research';
  const elevated = findings.some((finding) => finding.band === 'elevated');
  const what = findings.map(
    ({ label, probability, interval, band }) =>
      `${label} ${percentWithRange(probability, interval)}, ${band}`,
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
    subject: {
      model: result.model.name,
      version: result.model.version,
      finding: first.name,
      assessment: result.assessmentId,
    },
  };
}

function imageInWords(study: StudyAssessment, result: FinalResult): string {
  const { view, ageYears } = result.image;
  const { description } = study;
  const stated = description !== null && plainText(description) !== '';
  const name = withDate(stated ? escapeMarkdown(description) : 'radiograph', study.started);
  const age = ageYears === null ? '' : `, age ${Math.floor(ageYears)} at the study`;
  const alone = study.images === 1 ? '' : ' The result is of this image alone.';
  return `Read: ${countInWords(study.images)} (${viewInWords(view)}) of ${name}${age}.${alone} Of the record only the patient’s identity and age were used.`;
}

/** One image speaks for a study, whatever others it has. @see docs/adr/0004-one-image-per-study.md */
function countInWords(images: number | null): string {
  if (images === null) return 'one image';
  return images <= 1 ? 'the only image' : `1 of ${images} images`;
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
  study: Extract<StudyAssessment, { state: 'abstained' | 'failed' }>,
  tools: HookTools,
): Body {
  const { reason, model } = study;
  const abstained = study.state === 'abstained';
  const again = abstained ? '' : ' It is tried again when the chart is opened an hour or more later.';
  return {
    summary: summaryOf([`${studyName(study)}: `, abstained ? 'no AI result' : 'AI analysis failed', '']),
    detail: [
      `${reason.text} ${reason.help}${again}`,
      `This says nothing about the image itself. Model: ${model.name} ${model.version}, made for ${model.population}. (${reason.code})`,
    ].join('\n\n'),
    indicator: 'info',
    topic: abstained ? 'abstained' : 'failed',
    topicDisplay: abstained ? 'No AI result' : 'AI analysis failed',
    overridable: true,
    links: linksOf(model, abstained ? study.assessmentId : null, tools),
    extension: {
      state: study.state,
      reason: { system: codeSystems.reason, code: reason.code, display: reason.text },
    },
    subject: { model: model.name, version: model.version },
  };
}

function linksOf(
  model: ModelFacts,
  assessmentId: string | null,
  tools: HookTools,
): NonNullable<Card['links']> {
  const app = assessmentId === null ? null : tools.links.app(assessmentId);
  return [
    ...(app === null
      ? []
      : [{ label: 'Open the image, the evidence and your answer', type: 'smart' as const, ...app }]),
    {
      label: 'About the model: its 31 source attributes',
      url: tools.links.sourceAttributes(model.name, model.version),
      type: 'absolute',
    },
  ];
}

function studyName(study: StudyAssessment): string {
  const said = [study.description, study.modalities[0]].map((text) => plainText(text ?? ''));
  return withDate(said.find((text) => text !== '') ?? 'Imaging study', study.started);
}

function withDate(name: string, started: string | null): string {
  const date = plainDate(started);
  return date === null ? name : `${name}, ${date}`;
}

/** A summary of at most 139 characters: the first part (the study's name) gives way. @see CDS Hooks 2.0 §Card Attributes */
function summaryOf([name, what, tail]: readonly [string, string, string]): string {
  const whole = name + what + tail;
  if (whole.length < 140) return whole;
  const room = 139 - what.length - tail.length;
  const shortName = room > 12 ? `${cut(name, room - 3)}…: ` : '';
  const short = shortName + what + tail;
  return short.length < 140 ? short : `${cut(what, 138 - tail.length)}…${tail}`;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
