import { pictureSide } from '#core/assessment';
import type { FinalResult, FindingView } from '#core/hook-tools';
import type { Measured } from '#core/model-package';
import {
  aboutOutOf,
  isBeyondPercent,
  outOf,
  peopleFor,
  percent,
  percentRange,
  percentWithRange,
} from '#core/shares';
import { capitalised } from './wording.ts';

/** One finding in Markdown: number, interval and band, then what they mean, where, how often right, and the limits. */
export function findingInWords(finding: FindingView, result: FinalResult): string {
  const { calibration, prevalence, limits } = finding;
  const { populationNoun } = result.model;
  const people = peopleFor(prevalence.value, prevalence.calibration, finding.probability);
  const share =
    prevalence.source === 'tenant'
      ? `this site’s share, to which the number was moved from ${outOf(prevalence.calibration, people)} at calibration`
      : 'the share at calibration; where it is rarer, fewer have it';
  const points = [
    `**In numbers:** in a group where ${outOf(prevalence.value, people)} ${populationNoun} have ${finding.label} (${share}), ${aboutOutOf(finding.probability, people)} with this result have it.`,
    finding.atypical
      ? `**In between:** its score lies between those of ${populationNoun} with and without ${finding.label}.`
      : null,
    whereInWords(finding),
    reliabilityInWords(finding, people),
    limits.length > 0 ? `**Limits:** ${limits.join(' ')}` : null,
  ].filter((point) => point !== null);
  const lead = `${numberInWords(finding, calibration)}: ${bandInWords(finding)}.`;
  return [lead, points.map((point) => `- ${point}`).join('\n')].join('\n\n');
}

function numberInWords(
  { label, probability, interval }: FindingView,
  { n, patients }: FindingView['calibration'],
): string {
  const of = `n = ${n} images of ${patients} patients`;
  return isBeyondPercent(interval)
    ? `**${capitalised(label)}: ${percentRange(interval)}** (calibration uncertainty included, ${of})`
    : `**${capitalised(label)}: ${percent(probability)}** (${percentRange(interval)}, calibration uncertainty, ${of})`;
}

function bandInWords({ band }: FindingView): string {
  if (band === 'elevated') return 'elevated';
  if (band === 'low') return 'low, which does not rule it out';
  return 'indeterminate: the image does not settle it either way';
}

function whereInWords({ zones }: FindingView): string | null {
  if (zones.length === 0) return null;
  const whose = zones.some((zone) => zone.startsWith(pictureSide))
    ? ' The picture’s left is the patient’s right unless the picture is mirrored, which its header does not say.'
    : '';
  return `**Where:** the image weighs most in the ${zones.join(', ')}.${whose}`;
}

/** What all results of this band are worth together, beside what this one is: the first does not hold for each. */
function reliabilityInWords(finding: FindingView, people: 100 | 1000): string | null {
  const { band, operatingPoint: point, probability, label } = finding;
  if (point === null) return null;
  const { sensitivity, specificity, ppv, npv, falsePerTrue } = point;
  const worth =
    band === 'elevated'
      ? `over all elevated results at that share, weak and strong, ${percentWithRange(ppv.value, ppv.interval)} are right${falseInWords(falsePerTrue)}; for this one: ${aboutOutOf(probability, people)}.`
      : `over all low results at that share, clear and less clear, ${percentWithRange(npv.value, npv.interval)} are right; for this one: ${aboutOutOf(1 - probability, people)}.`;
  return `**How often it is right:** ${worth} On held-out images the model found ${rateInWords(sensitivity)} of those with ${label} and was quiet on ${rateInWords(specificity)} of those without.`;
}

/** `2.3 false for each true one`, `1 false for every 32 true ones`. */
function falseInWords(falsePerTrue: number): string {
  if (!Number.isFinite(falsePerTrue) || falsePerTrue <= 0) return '';
  return falsePerTrue > 2 / 3
    ? `, ${falsePerTrue.toFixed(1)} false for each true one`
    : `, 1 false for every ${Math.round(1 / falsePerTrue)} true ones`;
}

/** A rate with its interval and what it is of: images, and patients where the package says how many. */
function rateInWords({ value, interval, n, patients }: Measured): string {
  const of = patients === undefined ? `${n} images` : `${n} images of ${patients} patients`;
  return isBeyondPercent(interval)
    ? `${percentRange(interval)} (${of})`
    : `${percent(value)} (${percentRange(interval)}; ${of})`;
}
