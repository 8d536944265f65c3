import { asServiceError, type ErrorCode } from '#core/error';
import type { InspectEntry } from '#dicom/inspect';
import type { ModelPackage } from '#inference/package-types';
import { idOf } from './catalogue.ts';
import { applyHeaderGates, type ImageHeader } from './header-gates.ts';
import { inParallel, readBytes } from './local-files.ts';
import type { Pool } from './pool.ts';

/** One entry of `fovea inspect --json`. @see docs/schemas/inspect.json */
export interface InspectFileEntry extends InspectEntry {
  readonly path: string;
  /** What each package's header gates say; empty where the header cannot be read. */
  readonly models: readonly {
    readonly model: string;
    readonly taken: boolean;
    readonly gate: ErrorCode | null;
  }[];
}

/** What each file holds, how it decodes, and which package would take it. Never throws for a file. */
export async function inspectFiles(
  pool: Pool,
  packages: readonly ModelPackage[],
  files: readonly string[],
  onDone: (done: number) => void,
): Promise<InspectFileEntry[]> {
  let done = 0;
  return inParallel(files, pool.size + 1, async (file) => {
    try {
      const bytes = await readBytes(file);
      const { entry, header } = await pool.inspect(bytes);
      return { path: file, ...entry, models: takers(header, packages) };
    } catch (error) {
      return { path: file, ...refused(asServiceError(error)), models: [] };
    } finally {
      done += 1;
      onDone(done);
    }
  });
}

function takers(header: ImageHeader | null, packages: readonly ModelPackage[]): InspectFileEntry['models'] {
  if (header === null) return [];
  return packages.map((pkg) => {
    const { reason } = applyHeaderGates(header, pkg.manifest.selects, 'clinical');
    return { model: idOf(pkg), taken: reason === null, gate: reason?.code ?? null };
  });
}

function refused(failure: { readonly code: ErrorCode; readonly message: string }): InspectEntry {
  return {
    status: 'refused',
    reason: { code: failure.code, text: failure.message },
    transferSyntax: null,
    photometric: null,
    rows: null,
    columns: null,
    frames: null,
    samples: null,
    bitsStored: null,
    dtype: null,
    min: null,
    max: null,
    mean: null,
    sha256: null,
    notes: [],
  };
}
