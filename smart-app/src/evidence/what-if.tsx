import { useEffect, useRef, useState } from 'react';
import {
  Button,
  Group,
  Input,
  Label,
  NumberField,
  Slider,
  SliderThumb,
  SliderTrack,
} from 'react-aria-components';
import type { AppPrevalenceView } from '#core/app';
import type { FindingView } from '#core/hook-tools';
import type { ApiError } from '../api-error.ts';
import { useSession, useWords } from '../session.tsx';
import { Problem } from '../shell/states.tsx';
import { asApiError } from '../use-loaded.ts';
import { BeforeAfter } from './before-after.tsx';
import { OperatingPoints } from './operating-points.tsx';

/** Milliseconds without a change before the server is asked. */
const settleFor = 250;
const smallest = 0.001;
const largest = 0.999;

/**
 * From the share before the image to the probability after it, and what it would be where the finding is rarer or more
 * common. The server computes; what it said last stays until the next answer is there.
 */
export function WhatIf({
  assessment,
  finding,
  here,
  noun,
}: {
  readonly assessment: string;
  readonly finding: FindingView;
  readonly here: AppPrevalenceView;
  readonly noun: string;
}) {
  const { t, format } = useWords();
  const { api } = useSession();
  const [asked, setAsked] = useState<number | null>(null);
  const [view, setView] = useState(here);
  const [error, setError] = useState<ApiError | null>(null);
  const [round, setRound] = useState(0);
  const title = useRef<HTMLHeadingElement>(null);

  // biome-ignore lint/correctness/useExhaustiveDependencies: `round` changes to ask again
  useEffect(() => {
    setError(null);
    if (asked === null) {
      setView(here);
      return;
    }
    const controller = new AbortController();
    const timer = setTimeout(() => {
      api.prevalence(assessment, finding.name, asked, controller.signal).then(
        (answer) => {
          if (!controller.signal.aborted) setView(answer);
        },
        (failure: unknown) => {
          if (!controller.signal.aborted) setError(asApiError(failure));
        },
      );
    }, settleFor);
    return () => {
      clearTimeout(timer);
      controller.abort();
    };
  }, [api, assessment, finding.name, asked, here, round]);

  const share = asked ?? here.prevalence;
  const waiting = asked !== null && view.prevalence !== asked && error === null;
  const choose = (value: number) => {
    if (Number.isFinite(value))
      setAsked(Math.min(largest, Math.max(smallest, Math.round(value * 1000) / 1000)));
  };
  return (
    <section className="panel what-if" aria-labelledby={`what-if-${finding.name}`}>
      <h2 id={`what-if-${finding.name}`} ref={title} tabIndex={-1}>
        {t('whatIf.title')}
      </h2>
      <p className="soft">{t('whatIf.lead', { finding: finding.label, noun })}</p>
      <div className="what-if-controls no-print">
        <Slider
          className="slider"
          minValue={1}
          maxValue={99}
          step={1}
          value={Math.min(99, Math.max(1, share * 100))}
          onChange={(value) => choose((value as number) / 100)}
        >
          <Label>{t('whatIf.share', { finding: finding.label })}</Label>
          <SliderTrack className="slider-track">
            {({ state }) => (
              <>
                <svg
                  className="slider-fill"
                  aria-hidden="true"
                  preserveAspectRatio="none"
                  viewBox="0 0 100 1"
                >
                  <rect width={state.getThumbPercent(0) * 100} height="1" />
                </svg>
                <SliderThumb className="slider-thumb" />
              </>
            )}
          </SliderTrack>
        </Slider>
        <NumberField
          className="number-field"
          aria-label={t('whatIf.shareNumber', { finding: finding.label })}
          minValue={smallest}
          maxValue={largest}
          step={0.001}
          isWheelDisabled
          formatOptions={{ style: 'percent', maximumFractionDigits: 1 }}
          value={share}
          onChange={choose}
        >
          <Group className="number-group">
            <Input />
          </Group>
        </NumberField>
        {asked !== null && (
          <Button
            className="quiet"
            onPress={() => {
              setAsked(null);
              title.current?.focus();
            }}
          >
            {t(here.source === 'tenant' ? 'whatIf.backHere' : 'whatIf.backCalibration')}
          </Button>
        )}
      </div>
      {asked !== null && <p className="asked">{t('whatIf.asked', { share: format.share(share) })}</p>}
      <div aria-busy={waiting} className={waiting ? 'waiting' : undefined}>
        <BeforeAfter view={view} finding={finding} noun={noun} />
        <OperatingPoints view={view} finding={finding} />
      </div>
      <p className="hidden" aria-live="polite">
        {asked !== null &&
          !waiting &&
          error === null &&
          t('whatIf.said', {
            share: format.share(view.prevalence),
            after: format.percentWithRange(view.probability, view.interval),
          })}
      </p>
      {error !== null && (
        <Problem error={error} title={t('whatIf.failed')} retry={() => setRound((before) => before + 1)} />
      )}
    </section>
  );
}
