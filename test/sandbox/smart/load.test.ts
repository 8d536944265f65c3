import { expect, it, vi } from 'vitest';
import { loadOidcLibrary } from '#sandbox/smart/load';

it('the library loads without its notice on Node 20, and nobody else’s warning is lost', async () => {
  const warn = vi.spyOn(console, 'warn').mockImplementation(() => undefined);
  const loading = loadOidcLibrary();
  console.warn('of somebody else');
  const { Provider } = await loading;
  console.warn('oidc-provider WARNING: Unsupported runtime, said later');
  expect(Provider).toBeTypeOf('function');
  expect(warn.mock.calls).toEqual([
    ['of somebody else'],
    ['oidc-provider WARNING: Unsupported runtime, said later'],
  ]);
  warn.mockRestore();
});
