#!/usr/bin/env node
import { Command, CommanderError, Option } from 'commander';
import type { EvaluateOptions } from './evaluate.ts';
import { exitCodes, fail, outliveLostOutput } from './terminal.ts';

/** The `fovea` command. Each sub-command is one file, loaded when it is asked for. */
const program = new Command('fovea')
  .description('Imaging AI inside the clinician’s workflow: a CDS Hooks service with calibrated cards.')
  .version('0.1.0')
  .exitOverride()
  .showHelpAfterError()
  .addHelpText(
    'after',
    '\nEverything is configured by environment variable (fovea doctor lists what is in force).\nExit codes: 0 fine, 1 failed, 2 the command was not understood.',
  );

const json = () => new Option('--json', 'print JSON on standard output and nothing else there');

program
  .command('serve')
  .description('serve CDS Hooks to the EHRs of FOVEA_CONFIG')
  .action(run(async () => (await import('./serve.ts')).serve()));

program
  .command('worker')
  .description('run assessment jobs without HTTP; needs DATABASE_URL')
  .action(run(async () => (await import('./worker.ts')).worker()));

program
  .command('sandbox')
  .description('serve together with an EHR to try it with: chart page, FHIR and DICOMweb, generated patients')
  .action(run(async () => (await import('./sandbox.ts')).sandbox()));

program
  .command('assess')
  .description('assess DICOM files or folders without an EHR')
  .argument('<path...>', 'files or folders')
  .option('--model <name[@version]>', 'the model; by default the one that reads the file')
  .option(
    '--prevalence <share>',
    'move the numbers to this share of the finding among those examined, as a card does; by default they hold at the share of the calibration set',
  )
  .addOption(json())
  .addHelpText(
    'after',
    '\nA file that cannot be assessed is an entry with a coded reason; the command goes on and exits 0. Files of a folder that are not DICOM, unless they are named .dcm, are skipped and counted on standard error.',
  )
  .action(
    run(async (paths: string[], options: { model?: string; prevalence?: string; json?: boolean }) =>
      (await import('./assess.ts')).assess(paths, options),
    ),
  );

program
  .command('inspect')
  .description('what DICOM files hold, how they decode, which model would take them')
  .argument('<path...>', 'files or folders')
  .addOption(json())
  .action(
    run(async (paths: string[], options: { json?: boolean }) =>
      (await import('./inspect.ts')).inspect(paths, options),
    ),
  );

program
  .command('evaluate')
  .description(
    'judge a model on labelled images or DICOM: discrimination, calibration, subgroups, with intervals',
  )
  .requiredOption('--model <name[@version]>', 'the model')
  .requiredOption('--manifest <csv>', 'columns file, label, patient_id, and if known age, sex, view, split')
  .option('--images <folder>', 'where the files of the manifest are; by default beside it')
  .option('--split <name>', 'only rows of this split')
  .option('--predictions <file>', 'also write one CSV row an image and finding')
  .option('--resamples <n>', 'bootstrap resamples by patient', '2000')
  .option('--seed <n>', 'seed of the bootstrap', '1')
  .addOption(json())
  .action(run(async (options: EvaluateOptions) => (await import('./evaluate.ts')).evaluate(options)));

const models = program.command('models').description('the model packages');
models
  .command('list')
  .description('packages, their deployments and what they read')
  .addOption(json())
  .action(run(async (options: { json?: boolean }) => (await import('./models.ts')).list(options)));
models
  .command('verify')
  .description('check every rule of a package, its digests, and its golden outputs on this machine')
  .argument('[name[@version]...]', 'packages; by default all')
  .addOption(json())
  .action(
    run(async (names: string[], options: { json?: boolean }) =>
      (await import('./models.ts')).verify(names, options),
    ),
  );

const feedback = program.command('feedback').description('what clinicians said of results');
feedback
  .command('export')
  .description('answers given in the app and what EHRs told of cards, with the results that they are about')
  .addOption(json())
  .option('--csv', 'print CSV on standard output')
  .addHelpText(
    'after',
    '\nHolds names of clinicians and what they wrote. A running Fovea holds the embedded database: stop it for the export, or use PostgreSQL.',
  )
  .action(
    run(async (options: { json?: boolean; csv?: boolean }) =>
      (await import('./feedback.ts')).exportFeedback(options),
    ),
  );

const keys = program.command('keys').description('the keys by which the SMART app proves itself at EHRs');
keys
  .command('make')
  .description('write a new file for FOVEA_SMART_KEYS: one key for ES384 and one for RS384')
  .argument('<file>', 'where; a file that is there is left as it is')
  .action(run(async (file: string) => (await import('./keys.ts')).make(file)));

program
  .command('doctor')
  .description('what this machine can do and what is configured')
  .addOption(json())
  .action(run(async (options: { json?: boolean }) => (await import('./doctor.ts')).doctor(options)));

/** An action whose failure is said in words and whose number is the exit code. */
function run<Arguments extends unknown[]>(
  action: (...given: Arguments) => Promise<number>,
): (...given: Arguments) => Promise<void> {
  return async (...given) => {
    try {
      process.exitCode = await action(...given);
    } catch (error) {
      process.exitCode = fail(error);
    }
  };
}

outliveLostOutput();
try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CommanderError)) process.exitCode = fail(error);
  else process.exitCode = error.exitCode === 0 ? exitCodes.fine : exitCodes.usage;
}
