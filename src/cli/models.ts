import { deployedModels, idOf, packageOf } from '#assessment/catalogue';
import { asServiceError } from '#core/error';
import { exitCodes, print, table } from './terminal.ts';
import { openWorkbench } from './workbench.ts';

/** `fovea models list [--json]` */
export async function list(options: { readonly json?: boolean }): Promise<number> {
  const { catalogue, config, close } = await openWorkbench();
  try {
    const deployed = deployedModels(catalogue, config.deployments);
    const rows = [
      ...catalogue.packages.map((pkg) => {
        const deployment = deployed.find((one) => one.package === pkg);
        const { manifest } = pkg;
        return {
          model: idOf(pkg),
          title: manifest.title,
          state: deployment?.state ?? 'not deployed',
          use: deployment?.use ?? null,
          findings: manifest.findings.map((finding) => finding.name),
          population: manifest.population,
          modality: manifest.selects.modality,
          digest: pkg.digest,
          reason: null as { readonly code: string; readonly text: string } | null,
        };
      }),
      ...catalogue.refused.map((one) => ({
        model: `${one.name}@${one.version}`,
        title: '',
        state: 'refused',
        use: null,
        findings: [],
        population: '',
        modality: [],
        digest: null,
        reason: { code: one.code, text: one.text },
      })),
    ];
    print(
      options.json === true
        ? JSON.stringify(rows, null, 2)
        : table(
            ['model', 'state', 'use', 'reads', 'what'],
            rows.map((row) => [
              row.model,
              row.state,
              row.use ?? '',
              `${row.modality.join(', ')}${row.population === '' ? '' : `: ${row.population}`}`,
              row.reason === null ? row.title : `${row.reason.code}: ${row.reason.text}`,
            ]),
          ),
    );
    return exitCodes.fine;
  } finally {
    await close();
  }
}

/** `fovea models verify [NAME[@VERSION]…] [--json]`: exit 1 when one does not hold. */
export async function verify(
  names: readonly string[],
  options: { readonly json?: boolean },
): Promise<number> {
  const bench = await openWorkbench();
  try {
    const { catalogue } = bench;
    const wanted =
      names.length > 0
        ? names
        : [...catalogue.packages.map(idOf), ...catalogue.refused.map((one) => `${one.name}@${one.version}`)];
    const results = [];
    for (const name of wanted) {
      try {
        const pkg = packageOf(catalogue, name);
        const warm = await bench.pool().warm(idOf(pkg));
        results.push({
          model: idOf(pkg),
          holds: true,
          provider: warm.provider,
          variant: warm.variant,
          skipped: warm.skipped,
          reason: null,
        });
      } catch (error) {
        const failure = asServiceError(error);
        results.push({
          model: name,
          holds: false,
          provider: null,
          variant: null,
          skipped: [],
          reason: { code: failure.code, text: failure.message },
        });
      }
    }
    print(
      options.json === true
        ? JSON.stringify(results, null, 2)
        : table(
            ['model', 'holds', 'detail'],
            results.map((one) => [
              one.model,
              one.holds ? 'yes' : 'no',
              one.reason === null
                ? `digests, schema, record and golden outputs hold on ${one.provider} (${one.variant})${one.skipped.map((skip) => `; ${skip.provider} not used: ${skip.detail}`).join('')}`
                : `${one.reason.code}: ${one.reason.text}`,
            ]),
          ),
    );
    return results.every((one) => one.holds) ? exitCodes.fine : exitCodes.failed;
  } finally {
    await bench.close();
  }
}
