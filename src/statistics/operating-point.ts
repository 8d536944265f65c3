import { type Interval, percentileInterval } from './intervals.ts';
import { createRandom } from './random.ts';

/** A proportion as measured: value and the number of images it is of. */
export interface Proportion {
  readonly value: number;
  readonly n: number;
}

/** A figure with its 95 % interval. */
export interface Estimate {
  readonly value: number;
  readonly interval: Interval;
}

/** What calls at a threshold are worth where `prevalence` of the patients are sick. */
export interface OperatingPointValue {
  /** Share of the sick among those called. */
  readonly ppv: Estimate;
  /** Share of the healthy among those not called. */
  readonly npv: Estimate;
  /** False calls for each true one, (1 − PPV) / PPV. Infinity when no call is true. */
  readonly falsePerTrue: Estimate;
  /** Calls in 1,000 patients. */
  readonly callsPerThousand: Estimate;
}

/**
 * Predictive values at a prevalence. Intervals by Monte Carlo over the posteriors of sensitivity and specificity
 * (Jeffreys prior, Beta(x + ½, n − x + ½)); the prevalence is taken as given. The same seed gives the same interval.
 * @param prevalence (0, 1)
 * @param options draws: default 10,000
 * @see Mossman and Berger, "Intervals for posttest probabilities", Medical Decision Making 2001
 */
export function valueAtPrevalence(
  sensitivity: Proportion,
  specificity: Proportion,
  prevalence: number,
  { seed = 1, draws = 10_000 }: { readonly seed?: number; readonly draws?: number } = {},
): OperatingPointValue {
  const random = createRandom(seed);
  const samples = {
    ppv: new Float64Array(draws),
    npv: new Float64Array(draws),
    falsePerTrue: new Float64Array(draws),
    callsPerThousand: new Float64Array(draws),
  };
  const draw = ({ value, n }: Proportion): number => random.beta(value * n + 0.5, (1 - value) * n + 0.5);
  for (let i = 0; i < draws; i++) {
    const drawn = pointValue(draw(sensitivity), draw(specificity), prevalence);
    samples.ppv[i] = drawn.ppv;
    samples.npv[i] = drawn.npv;
    samples.falsePerTrue[i] = drawn.falsePerTrue;
    samples.callsPerThousand[i] = drawn.callsPerThousand;
  }
  const value = pointValue(sensitivity.value, specificity.value, prevalence);
  const estimate = (key: keyof typeof samples): Estimate => ({
    value: value[key],
    interval: percentileInterval(samples[key]),
  });
  return {
    ppv: estimate('ppv'),
    npv: estimate('npv'),
    falsePerTrue: estimate('falsePerTrue'),
    callsPerThousand: estimate('callsPerThousand'),
  };
}

function pointValue(
  sensitivity: number,
  specificity: number,
  prevalence: number,
): Readonly<Record<keyof OperatingPointValue, number>> {
  const trueCalls = sensitivity * prevalence;
  const falseCalls = (1 - specificity) * (1 - prevalence);
  const trueRest = specificity * (1 - prevalence);
  const falseRest = (1 - sensitivity) * prevalence;
  return {
    ppv: trueCalls / (trueCalls + falseCalls),
    npv: trueRest / (trueRest + falseRest),
    falsePerTrue: falseCalls / trueCalls,
    callsPerThousand: 1000 * (trueCalls + falseCalls),
  };
}
