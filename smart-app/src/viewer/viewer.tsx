import { useCallback, useEffect, useMemo, useRef, useState, useSyncExternalStore } from 'react';
import { Button } from 'react-aria-components';
import type { AppEvidence } from '#core/app';
import { formatIn } from '../format.ts';
import { Choice } from './choice.tsx';
import type { ViewerProps } from './contract.ts';
import { type DragTool, drawsOnCpu, startCornerstone, Workbench } from './cornerstone.ts';
import { Help } from './help.tsx';
import { Icon } from './icons.tsx';
import { MapPanel } from './map-panel.tsx';
import { type OpenPane, Pane, Progress } from './pane.tsx';
import { lengthsOf } from './spacing.ts';
import { moveTogether } from './together.ts';
import { ViewerToolbar } from './toolbar.tsx';
import { useKeys } from './use-keys.ts';
import { presetsOf } from './window.ts';
import { presetWords, studyWords, type ViewerWords } from './words.ts';
import './viewer.css';

/** The pictures of a study with what the model said of them: drawn by Cornerstone, loaded when an image is opened. */
export function Viewer({ api, study, evidence, prior, locale, t, onClose }: ViewerProps) {
  const words = useMemo<ViewerWords>(() => ({ t, format: formatIn(locale, t) }), [locale, t]);
  const bench = useWorkbench();
  const root = useRef<HTMLElement>(null);
  const [tool, setTool] = useState<DragTool>('window');
  const [main, setMain] = useState<OpenPane | null>(null);
  const [beside, setBeside] = useState<OpenPane | null>(null);
  const [active, setActive] = useState<'main' | 'beside'>('main');
  const [compare, setCompare] = useState(false);
  const [together, setTogether] = useState(true);
  const [mapOn, setMapOn] = useState(false);
  const [strength, setStrength] = useState(0.45);
  const [chosen, setChosen] = useState(0);
  const [help, setHelp] = useState(false);
  const [said, setSaid] = useState('');

  const pane = active === 'beside' && beside !== null ? beside : main;
  const state = useSyncExternalStore(
    pane?.view.subscribe ?? subscribeToNothing,
    pane?.view.snapshot ?? snapshotOfNothing,
  );
  const picture = state?.facts?.picture ?? null;
  const colour = state?.facts != null && state.facts.window === null;
  const lengths = picture === null ? null : lengthsOf(picture);

  const found = evidence?.findings[chosen] ?? null;
  const final = evidence?.study.state === 'final';
  const finding = evidence?.study.findings[chosen] ?? null;
  const result =
    found === null || finding === null || !final
      ? null
      : t('viewer.result', {
          finding: finding.label,
          probability: words.format.percentWithRange(found.here.probability, found.here.interval),
        });
  const reading = evidence?.image.instance ?? null;
  const explanation = final && reading !== null ? (found?.explanation ?? null) : null;
  const map =
    explanation !== null && finding !== null && reading !== null && mapOn
      ? { explanation, finding: finding.label, instance: reading, strength }
      : null;

  useEffect(() => {
    if (bench === null || bench === 'failed') return;
    const usable = (tool === 'length' && lengths === 'none') || (tool === 'window' && colour) ? 'pan' : tool;
    bench.use(usable);
  }, [bench, tool, lengths, colour]);
  useEffect(() => {
    if (main === null || beside === null || !compare || !together) return;
    return moveTogether(main.view, beside.view, main.modality === 'CT' && beside.modality === 'CT');
  }, [main, beside, compare, together]);
  const place = state !== null && state.count > 1 ? state.index + 1 : 0;
  const count = state?.count ?? 0;
  useEffect(() => {
    if (place === 0) return;
    const pause = setTimeout(() => setSaid(t('viewer.stackValue', { n: place, count })), 300);
    return () => clearTimeout(pause);
  }, [place, count, t]);

  const presets =
    state?.facts?.window == null
      ? []
      : presetsOf(state.facts.picture, state.facts.range, pane?.modality ?? null);
  const views = [main, beside].flatMap((one) => (one === null ? [] : [one.view]));
  const { run, chooseDrag } = useKeys({
    root,
    words,
    pane: pane?.view ?? null,
    views,
    presets,
    tool,
    setTool,
    say: setSaid,
    map: explanation === null ? null : () => setMapOn(!mapOn),
    strengthBy: (step) => setStrength(Math.min(0.9, Math.max(0.1, strength + step))),
    compare: prior === null ? null : () => setCompare(!compare),
    together: prior === null || !compare ? null : () => setTogether(!together),
    help: () => setHelp(true),
  });
  const openMain = useCallback((opened: OpenPane | null) => setMain(opened), []);
  const openBeside = useCallback((opened: OpenPane | null) => setBeside(opened), []);
  const window = state?.window ?? null;
  const preset = presets.find(
    (one) =>
      window !== null && same(one.window.center, window.center) && same(one.window.width, window.width),
  );

  return (
    <section className="viewer" ref={root} aria-label={t('viewer.title')}>
      <header className="viewer-header">
        <div>
          <h3>
            <bdi>{studyWords(study, words)}</bdi>
          </h3>
          {result !== null ? (
            <>
              <p className="viewer-result">{result}</p>
              {explanation !== null && explanation.zones.length > 0 && (
                <p className="soft">{t('viewer.zones', { zones: words.format.list(explanation.zones) })}</p>
              )}
            </>
          ) : (
            <p className="viewer-result">
              {evidence?.study.reason == null ? (
                t('viewer.noAssessment')
              ) : (
                <span lang="en">{t('viewer.noResult', { reason: evidence.study.reason.text })}</span>
              )}
            </p>
          )}
        </div>
        <Button className="viewer-button" onPress={onClose}>
          <Icon name="close" />
          <span>{t('viewer.close')}</span>
        </Button>
      </header>
      <ViewerToolbar
        tool={tool}
        onTool={chooseDrag}
        disabledTools={colour ? ['window'] : []}
        pressed={{
          flip: state?.flipped ?? false,
          invert: state?.inverted ?? false,
          map: explanation === null ? null : mapOn,
          compare: prior === null ? null : compare,
          together: prior === null || !compare ? null : together,
        }}
        onDo={run}
        t={t}
      />
      <div className="viewer-choices">
        <Choice
          label={t('viewer.preset')}
          disabled={presets.length === 0}
          value={preset?.id ?? 'own'}
          options={[
            ...presets.map((one) => ({ id: one.id, text: presetWords(one, t) })),
            ...(preset === undefined
              ? [{ id: 'own', text: presets.length === 0 ? '–' : t('viewer.preset.own') }]
              : []),
          ]}
          onChange={(id) => {
            const asked = presets.find((one) => one.id === id);
            if (asked !== undefined) pane?.view.setWindow(asked.window);
          }}
        />
        {evidence !== null && evidence.findings.length > 1 && (
          <Choice
            label={t('viewer.finding')}
            value={String(chosen)}
            options={evidence.findings.map((one, index) => ({
              id: String(index),
              text: evidence.study.findings[index]?.label ?? one.finding,
            }))}
            onChange={(id) => setChosen(Number(id))}
          />
        )}
        {colour && <p className="soft small">{t('viewer.colourWindow')}</p>}
        {tool === 'length' && lengths === 'none' && <p role="alert">{t('viewer.length.refused')}</p>}
        {tool === 'length' && lengths !== 'none' && <p className="soft small">{t('viewer.length.keys')}</p>}
        {tool === 'length' && lengths === 'detector' && <p>{t('viewer.length.detectorNote')}</p>}
      </div>
      {bench === null && <Progress text={t('viewer.loadingTools')} />}
      {bench === 'failed' && <p role="alert">{t('viewer.failedTools')}</p>}
      {bench !== null && bench !== 'failed' && (
        <div className={compare && prior !== null ? 'viewer-panes two' : 'viewer-panes'}>
          <Pane
            bench={bench}
            api={api}
            study={study}
            instance={reading}
            caption={t('viewer.current')}
            map={map}
            words={words}
            onOpen={openMain}
            onActive={() => setActive('main')}
          />
          {compare && prior !== null && (
            <Pane
              bench={bench}
              api={api}
              study={prior}
              instance={null}
              caption={t('viewer.prior', { date: words.format.date(prior.started) })}
              map={null}
              words={words}
              onOpen={openBeside}
              onActive={() => setActive('beside')}
            />
          )}
        </div>
      )}
      {bench !== null && drawsOnCpu() && <p className="soft small">{t('viewer.onCpu')}</p>}
      {map !== null && result !== null && (
        <MapPanel
          explanation={map.explanation}
          finding={map.finding}
          result={result}
          strength={strength}
          onStrength={setStrength}
          t={t}
        />
      )}
      {explanation === null && evidence !== null && <NoMap evidence={evidence} t={t} />}
      <p className="hidden" role="status">
        {said}
      </p>
      {help && <Help onClose={() => setHelp(false)} t={t} />}
    </section>
  );
}

const subscribeToNothing = () => () => undefined;
const snapshotOfNothing = () => null;
const same = (one: number, other: number): boolean => Math.abs(one - other) < 0.51;

/** Why there is no map, where one might be looked for. */
function NoMap({
  evidence: { study, image },
  t,
}: {
  readonly evidence: AppEvidence;
  readonly t: ViewerWords['t'];
}) {
  const why = study.state !== 'final' ? 'abstained' : image.instance === null ? 'unknownImage' : 'notGiven';
  return <p className="soft small">{t(`viewer.map.none.${why}`)}</p>;
}

/** Cornerstone and this viewer's engine; null while it starts. */
function useWorkbench(): Workbench | 'failed' | null {
  const [bench, setBench] = useState<Workbench | 'failed' | null>(null);
  useEffect(() => {
    let made: Workbench | null = null;
    let closed = false;
    startCornerstone()
      .then(() => {
        if (closed) return;
        made = new Workbench(crypto.randomUUID());
        setBench(made);
      })
      .catch(() => setBench('failed'));
    return () => {
      closed = true;
      made?.close();
      setBench(null);
    };
  }, []);
  return bench;
}
