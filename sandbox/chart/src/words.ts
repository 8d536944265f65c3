import type { Exchange } from './api.ts';

const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** A FHIR date or dateTime as `3 Nov 2026`: the calendar date as written. */
export function plainDate(dateTime: string): string {
  const [, year, month, day] = /^(\d{4})-(\d{2})-(\d{2})/.exec(dateTime) ?? [];
  return day === undefined ? dateTime : `${Number(day)} ${months[Number(month) - 1]} ${year}`;
}

/** The clock time of a FHIR dateTime as written, or null. */
export function plainTime(dateTime: string): string | null {
  return /T(\d{2}:\d{2})/.exec(dateTime)?.[1] ?? null;
}

/** Age as an EHR tells it: months below two years, then years. */
export function ageOf(birthDate: string, at: Date): string {
  const [year = 0, month = 1, day = 1] = birthDate.split('-').map(Number);
  const whole = (at.getFullYear() - year) * 12 + at.getMonth() + 1 - month - (at.getDate() < day ? 1 : 0);
  return whole < 24 ? `${Math.max(0, whole)} months` : `${Math.floor(whole / 12)} years`;
}

/** Why there are no cards, in a heading and a sentence; null where the call went well. */
export function problemOf(exchange: Exchange): { readonly title: string; readonly text: string } | null {
  if (exchange.problem === 'timeout') {
    return {
      title: 'Decision support is too slow',
      text: 'The service did not answer in 10 seconds. The chart is complete without it.',
    };
  }
  if (exchange.problem === 'unreachable' || exchange.status === null) {
    return {
      title: 'Decision support does not answer',
      text: 'The service cannot be reached. The chart is complete without it.',
    };
  }
  if (exchange.status === 412) {
    return {
      title: 'Decision support lacks data',
      text: `The service could not get what it needs from this record (412). ${diagnosticsOf(exchange)}`.trim(),
    };
  }
  if (exchange.status === 503) {
    const later =
      exchange.retryAfter === null ? 'Try again later.' : `Try again in ${exchange.retryAfter} s.`;
    return {
      title: 'Decision support is not available now',
      text: `The service says that it cannot work at the moment (503). ${later}`,
    };
  }
  if (exchange.status !== 200) {
    return {
      title: 'Decision support refused the call',
      text: `The service answered ${exchange.status}. ${diagnosticsOf(exchange)}`.trim(),
    };
  }
  return null;
}

function diagnosticsOf({ response }: Exchange): string {
  const issues = (
    response as { issue?: readonly { details?: { text?: string }; diagnostics?: string }[] } | null
  )?.issue;
  const first = Array.isArray(issues) ? issues[0] : undefined;
  return first?.details?.text ?? first?.diagnostics ?? '';
}
