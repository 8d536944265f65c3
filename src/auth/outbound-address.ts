import { isIPv4, isIPv6 } from 'node:net';
import { ServiceError } from '#core/error';

/** One address as a number. IPv4-mapped IPv6 (`::ffff:10.0.0.1`) is the IPv4 address that it stands for. */
interface Address {
  readonly bits: 32 | 128;
  readonly value: bigint;
}

/** `value` has its host bits cleared. */
interface Range extends Address {
  readonly prefix: number;
}

const mappedPrefix = 0xffffn;

function parseIPv4(text: string): bigint {
  return text.split('.').reduce((value, octet) => (value << 8n) | BigInt(octet), 0n);
}

function parseIPv6(text: string): bigint {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  const last = dotted === null ? 0n : parseIPv4(dotted[2] as string);
  const whole =
    dotted === null ? text : `${dotted[1]}${(last >> 16n).toString(16)}:${(last & 0xffffn).toString(16)}`;
  const [head = '', tail] = whole.split('::');
  const groups = (part: string): string[] => part.split(':').filter((group) => group !== '');
  const before = groups(head);
  const after = tail === undefined ? [] : groups(tail);
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0');
  return [...before, ...zeros, ...after].reduce((value, group) => (value << 16n) | BigInt(`0x${group}`), 0n);
}

/** null for anything but a plain IPv4 or IPv6 address; an IPv6 zone (`fe80::1%eth0`) is not plain. */
function parseAddress(text: string): Address | null {
  if (isIPv4(text)) return { bits: 32, value: parseIPv4(text) };
  if (!isIPv6(text) || text.includes('%')) return null;
  const value = parseIPv6(text);
  return value >> 32n === mappedPrefix ? { bits: 32, value: value & 0xffff_ffffn } : { bits: 128, value };
}

/** `10.20.0.0/16`, `fd12::/48`, or one address. null where it is neither. */
function parseRange(text: string): Range | null {
  const [network = '', length, ...rest] = text.trim().split('/');
  const address = parseAddress(network);
  if (address === null || rest.length > 0) return null;
  if (length === undefined) return { ...address, prefix: address.bits };
  // The length of a mapped range counts from the 128 bits that are written.
  const prefix = Number(length) - (isIPv6(network) && address.bits === 32 ? 96 : 0);
  if (!/^\d{1,3}$/.test(length) || prefix < 0 || prefix > address.bits) return null;
  const host = BigInt(address.bits - prefix);
  return { ...address, value: (address.value >> host) << host, prefix };
}

function contains(range: Range, address: Address): boolean {
  const host = BigInt(range.bits - range.prefix);
  return range.bits === address.bits && address.value >> host === range.value >> host;
}

const ranges = (...texts: string[]): readonly Range[] =>
  texts.map(parseRange).filter((range) => range !== null);

/**
 * Addresses that a range of a hospital's network never means: this machine, link-local (where clouds answer with
 * credentials), the metadata services that lie elsewhere, multicast, reserved. A listed range opens them only when
 * it lies wholly within one of these, so `0.0.0.0/0` opens none.
 */
const special = ranges(
  '0.0.0.0/8',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '100.100.100.200', // Alibaba Cloud
  '168.63.129.16', // Azure
  '192.0.0.0/24', // IETF protocol assignments; Oracle Cloud's 192.0.0.192
  '224.0.0.0/4',
  '240.0.0.0/4',
  '::/127',
  'fe80::/10',
  'fd00:ec2::/32', // Amazon EC2
  'fd20:ce::254', // Google Cloud
  'ff00::/8',
  // Forms in which an IPv6 address carries an IPv4 one: IPv4-compatible, IPv4-translated, NAT64, Teredo, 6to4.
  '::/96',
  '::ffff:0:0:0/96',
  '64:ff9b::/96',
  '64:ff9b:1::/48',
  '2001::/32',
  '2002::/16',
);

/** Not special, but not on the public Internet either. @see IANA special-purpose address registries */
const notPublic = ranges(
  '10.0.0.0/8',
  '100.64.0.0/10',
  '172.16.0.0/12',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '2001::/23',
  '2001:db8::/32',
  '3fff::/20',
);

const globalUnicastIPv6 = ranges('2000::/3');

function isPublic(address: Address): boolean {
  if (notPublic.some((range) => contains(range, address))) return false;
  return address.bits === 32 || globalUnicastIPv6.some((range) => contains(range, address));
}

/**
 * Whether a connection may go to `address`.
 *
 * @param address IPv4 or IPv6 address in text; anything else is refused
 * @param listed the CIDR ranges of an allowed origin; absent: public unicast addresses only
 * @throws ServiceError CONFIG_INVALID for a listed range that is not one
 */
export function isAddressAllowed(address: string, listed: readonly string[] | undefined): boolean {
  const parsed = parseAddress(address);
  if (parsed === null) return false;
  const kinds = special.filter((range) => contains(range, parsed));
  if (listed === undefined) return kinds.length === 0 && isPublic(parsed);
  return listed.some((text) => {
    const range = parseRange(text);
    if (range === null) throw new ServiceError('CONFIG_INVALID', { detail: 'An address range is not CIDR.' });
    if (!contains(range, parsed)) return false;
    return kinds.length === 0 || kinds.some((kind) => range.prefix >= kind.prefix && contains(kind, range));
  });
}
