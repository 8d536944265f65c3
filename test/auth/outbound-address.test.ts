import { describe, expect, it } from 'vitest';
import { isAddressAllowed } from '#auth/outbound-address';

describe('addresses without a list: public unicast only', () => {
  it.each(['8.8.8.8', '1.1.1.1', '193.0.6.139', '2a00:1450:4001:82a::200e', '2606:4700::1111'])(
    '%s is public',
    (address) => {
      expect(isAddressAllowed(address, undefined)).toBe(true);
    },
  );

  it.each([
    '10.0.0.1',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '127.0.0.1',
    '0.0.0.0',
    '169.254.169.254',
    '100.64.0.1',
    '100.100.100.200',
    '168.63.129.16',
    '192.0.0.192',
    '198.18.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    '::1',
    '::ffff:10.0.0.1',
    '::ffff:a9fe:a9fe',
    '::ffff:0:10.0.0.1',
    '::127.0.0.1',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b:1::1',
    '2001::1',
    '2002:a9fe:a9fe::1',
    '2001:db8::1',
    'fc00::1',
    'fd00:ec2::254',
    'fe80::1',
    'fe80::1%eth0',
    'ff02::1',
    'localhost',
    '0x7f000001',
    '2130706433',
    '',
  ])('%j is not', (address) => {
    expect(isAddressAllowed(address, undefined)).toBe(false);
  });
});

describe('addresses with a list', () => {
  it.each([
    ['10.20.3.4', ['10.20.0.0/16'], true],
    ['10.21.3.4', ['10.20.0.0/16'], false],
    ['10.20.3.4', ['10.20.3.4'], true],
    ['8.8.8.8', ['10.20.0.0/16'], false],
    ['8.8.8.8', [], false],
    ['10.21.3.4', ['192.168.0.0/16', '10.21.3.77/16'], true],
    ['fd12:3456::9', ['fd12:3456::/32'], true],
    ['fd12:3457::9', ['fd12:3456::/32'], false],
    ['::ffff:10.20.3.4', ['10.20.0.0/16'], true],
    ['10.20.3.4', ['::ffff:10.20.0.0/112'], true],
    ['10.21.3.4', ['::ffff:10.20.0.0/112'], false],
    ['10.20.3.4', ['::/0'], false],
  ] as const)('%s in %j: %s', (address, listed, allowed) => {
    expect(isAddressAllowed(address, listed)).toBe(allowed);
  });

  it.each([
    ['169.254.169.254', '0.0.0.0/0'],
    ['127.0.0.1', '0.0.0.0/0'],
    ['100.100.100.200', '100.64.0.0/10'],
    ['::1', '::/0'],
    ['fe80::1', 'fe00::/8'],
    ['fd00:ec2::254', 'fd00::/8'],
    ['64:ff9b::a9fe:a9fe', '::/0'],
  ])('%s is not opened by the wide range %s', (address, range) => {
    expect(isAddressAllowed(address, [range])).toBe(false);
  });

  it.each([
    ['169.254.169.254', '169.254.169.254/32'],
    ['127.0.0.1', '127.0.0.0/8'],
    ['::1', '::1/128'],
    ['fd00:ec2::254', 'fd00:ec2::254'],
  ])('%s is opened only by a range of its own kind: %s', (address, range) => {
    expect(isAddressAllowed(address, [range])).toBe(true);
  });

  it.each([
    '10.0.0.0/33',
    '10.0.0/8',
    '10.0.0.0/',
    '10.0.0.0/-1',
    'fd00::/129',
    'example.org',
    '10.0.0.0/8/8',
    '::ffff:10.0.0.0/8',
  ])('a range that is not CIDR is a fault of the configuration: %s', (range) => {
    expect(() => isAddressAllowed('10.0.0.1', [range])).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    );
  });
});
