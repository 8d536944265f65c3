/** A stream of pseudo-random numbers; the same seed gives the same stream on every machine. Not for secrets. */
export interface Random {
  /** [0, 1), 32 bits. */
  readonly uniform: () => number;
  /** A whole number in [0, n); n <= 2^32. */
  readonly below: (n: number) => number;
  /** Standard normal. */
  readonly normal: () => number;
  /** Beta(a, b), a and b above 0. */
  readonly beta: (a: number, b: number) => number;
}

/**
 * sfc32 seeded through a 32-bit mixer.
 * @param seed a whole number; only its low 32 bits count
 */
export function createRandom(seed: number): Random {
  let a = mix(seed);
  let b = mix(a);
  let c = mix(b);
  let counter = 1;
  const next = (): number => {
    const sum = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = ((c << 21) | (c >>> 11)) + sum;
    return sum >>> 0;
  };
  for (let i = 0; i < 12; i++) next();

  const uniform = (): number => next() / 4294967296;
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
  const gamma = (shape: number): number => {
    // Below 1 by the boosting identity, else Marsaglia and Tsang, 2000.
    if (shape < 1) return gamma(shape + 1) * (1 - uniform()) ** (1 / shape);
    const d = shape - 1 / 3;
    for (;;) {
      const x = normal();
      const v = (1 + x / Math.sqrt(9 * d)) ** 3;
      if (v > 0 && Math.log(1 - uniform()) < x * x * 0.5 + d * (1 - v + Math.log(v))) return d * v;
    }
  };
  return {
    uniform,
    below: (n) => Math.floor(uniform() * n),
    normal,
    beta: (alpha, beta) => {
      const x = gamma(alpha);
      return x / (x + gamma(beta));
    },
  };
}

/** Finaliser of MurmurHash3 after a Weyl step. */
function mix(value: number): number {
  let h = (value + 0x9e3779b9) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return h ^ (h >>> 16);
}
