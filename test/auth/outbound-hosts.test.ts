import { describe, expect, it } from 'vitest';
import { findAllowed, maySendToken } from '#auth/outbound-hosts';

const list = [
  { base: 'https://ehr.example.org/fhir' },
  { base: 'https://ehr.example.org/fhir/deep', sendToken: true },
  { base: 'https://ehr.example.org:8443/' },
  { base: 'http://10.20.0.5:8042/dicom-web' },
  { base: 'http://127.0.0.1:9/only' },
];

describe('a URL that the list allows', () => {
  it.each([
    ['https://ehr.example.org/fhir', 0],
    ['https://ehr.example.org/fhir/', 0],
    ['https://ehr.example.org/fhir/Patient/1', 0],
    ['https://ehr.example.org/fhir?_getpages=1%2F2', 0],
    ['https://EHR.example.org:443/fhir/Patient', 0],
    ['https://ehr.example.org/fhir/deep/Patient', 1],
    ['https://ehr.example.org:8443/anything', 2],
    ['http://10.20.0.5:8042/dicom-web/studies/1.2.3', 3],
    ['http://0x0a140005:8042/dicom-web/studies', 3],
    ['https://ehr.example.org/fhir/a%20b', 0],
  ])('%s', (url, entry) => {
    expect(findAllowed(url, list)?.entry).toBe(list[entry]);
  });

  it('loses its fragment and keeps its query', () => {
    expect(findAllowed('https://ehr.example.org/fhir/Patient?name=x#y', list)?.url.href).toBe(
      'https://ehr.example.org/fhir/Patient?name=x',
    );
  });
});

/** The attacks of the SSRF corpus that can be told from the URL alone. */
const refused: readonly (readonly [string, string])[] = [
  ['user information', 'https://ehr.example.org@169.254.169.254/fhir'],
  ['user information before the right host', 'https://x@ehr.example.org/fhir'],
  ['empty user information', 'https://@ehr.example.org/fhir'],
  ['a user with password', 'https://ehr:fhir@ehr.example.org/fhir'],
  ['the host as a prefix of another', 'https://ehr.example.org.evil.tld/fhir'],
  ['the host as a suffix of another', 'https://evil-ehr.example.org/fhir'],
  ['a trailing dot', 'https://ehr.example.org./fhir'],
  ['another port', 'https://ehr.example.org:444/fhir'],
  ['another scheme', 'http://ehr.example.org/fhir'],
  ['https where http is listed', 'https://10.20.0.5:8042/dicom-web'],
  ['a metadata address', 'http://169.254.169.254/latest/meta-data/'],
  ['a metadata address as one number', 'http://2852039166/latest/'],
  ['loopback in hexadecimal, another port', 'http://0x7f000001/only'],
  ['loopback in hexadecimal, path not listed', 'http://0x7f000001:9/'],
  ['loopback in octal', 'http://0177.0.0.1/only'],
  ['loopback in short', 'http://127.1/only'],
  ['IPv4 in IPv6', 'http://[::ffff:10.20.0.5]:8042/dicom-web'],
  ['full-width digits', 'http://１０.20.0.6:8042/dicom-web'],
  ['a sibling path', 'https://ehr.example.org/fhir-evil'],
  ['a path above', 'https://ehr.example.org/'],
  ['a way up', 'https://ehr.example.org/fhir/../admin'],
  ['a way up that comes back', 'https://ehr.example.org/x/../fhir'],
  ['an encoded way up', 'https://ehr.example.org/fhir/%2e%2e/admin'],
  ['half an encoded way up', 'https://ehr.example.org/fhir/.%2E/admin'],
  ['an encoded slash', 'https://ehr.example.org/fhir/..%2fadmin'],
  ['an encoded slash elsewhere', 'https://ehr.example.org/fhir/Patient%2F1'],
  ['an encoded backslash', 'https://ehr.example.org/fhir/..%5cadmin'],
  ['a doubly encoded way up', 'https://ehr.example.org/fhir/%252e%252e/admin'],
  ['a way up with a path parameter', 'https://ehr.example.org/fhir/..;/admin'],
  ['an encoded way up with a path parameter', 'https://ehr.example.org/fhir/%2e%2e;x=1/admin'],
  ['encoding without end', 'https://ehr.example.org/fhir/%25252525252e'],
  ['broken encoding', 'https://ehr.example.org/fhir/%zz'],
  ['an encoded NUL', 'https://ehr.example.org/fhir/a%00'],
  ['a backslash', 'https://ehr.example.org\\@evil.tld/fhir'],
  ['a backslash for a slash', 'https:\\\\ehr.example.org/fhir'],
  ['a line break', 'https://ehr.example.org/fhir/a\r\nHost: evil'],
  ['a tab in the host', 'https://ehr.exam\tple.org/fhir'],
  ['a leading blank', ' https://ehr.example.org/fhir'],
  ['a file', 'file:///etc/passwd'],
  ['gopher', 'gopher://ehr.example.org/fhir'],
  ['data', 'data:application/json,{}'],
  ['a relative address', '/fhir/Patient/1'],
  ['an address without scheme', '//ehr.example.org/fhir'],
  ['nothing', ''],
];

describe('a URL that is refused', () => {
  it.each(refused)('%s', (_name, url) => {
    expect(findAllowed(url, list)).toBeNull();
  });

  it('an empty list allows nothing', () => {
    expect(findAllowed('https://ehr.example.org/fhir', [])).toBeNull();
  });

  it.each([
    'ehr.example.org',
    'https://u@ehr.example.org',
    'https://ehr.example.org/?q=1',
    'ftp://ehr.example.org/',
  ])('a base that is not a plain URL is a fault of the configuration: %s', (base) => {
    expect(() => findAllowed('https://ehr.example.org/', [{ base }])).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    );
  });
});

describe('S19 the access token goes to an imaging server', () => {
  const listed = [
    { base: 'https://pacs.example.org/wado' },
    { base: 'https://vna.example.org/wado', sendToken: true },
  ];
  const at = (address: string, requiresAccessToken = true) => ({ address, requiresAccessToken });

  it.each([
    ['that the list trusts with it', at('https://vna.example.org/wado'), null, true],
    [
      'of the origin of the FHIR server',
      at('https://pacs.example.org/wado'),
      'https://pacs.example.org/fhir',
      true,
    ],
    ['not when its Endpoint does not ask for it', at('https://vna.example.org/wado', false), null, false],
    ['not when the list does not trust it', at('https://pacs.example.org/wado'), null, false],
    [
      'not when the FHIR server is elsewhere',
      at('https://pacs.example.org/wado'),
      'https://ehr.example.org/fhir',
      false,
    ],
    [
      'not when the scheme differs',
      at('https://pacs.example.org/wado'),
      'http://pacs.example.org/fhir',
      false,
    ],
    [
      'not when it is not on the list',
      at('https://ehr.example.org/wado'),
      'https://ehr.example.org/fhir',
      false,
    ],
    ['not when its path is not on the list', at('https://vna.example.org/other'), null, false],
  ] as const)('%s', (_name, endpoint, fhirServer, allowed) => {
    expect(maySendToken(endpoint, listed, fhirServer)).toBe(allowed);
  });
});
