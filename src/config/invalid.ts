import { isIP } from 'node:net';
import { ServiceError } from '#core/error';

/** A wrong setting: what it is called and what is wrong with it. */
export function invalid(name: string, problem: string): ServiceError {
  return new ServiceError('CONFIG_INVALID', { detail: `${name} ${problem}` });
}

/** An address, or a range of them in CIDR. */
export function isRange(text: string): boolean {
  const [address = '', prefix, ...rest] = text.split('/');
  const bits = { 0: -1, 4: 32, 6: 128 }[isIP(address)] ?? -1;
  const length = prefix === undefined ? bits : /^\d{1,3}$/.test(prefix) ? Number(prefix) : Infinity;
  return bits > 0 && length <= bits && rest.length === 0;
}
