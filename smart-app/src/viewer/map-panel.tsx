import { Label, Slider, SliderOutput, SliderThumb, SliderTrack } from 'react-aria-components';
import type { AppExplanation } from '#core/app';
import type { Translate } from '../i18n/translate.ts';
import { scaleColour } from './colour-scale.ts';

const samples = Array.from({ length: 32 }, (_, index) => index);

/** What the map over the picture means: scale, grid, strength. */
export function MapPanel({
  explanation,
  finding,
  result,
  strength,
  onStrength,
  t,
}: {
  readonly explanation: AppExplanation;
  /** Label of the finding. */
  readonly finding: string;
  /** Its number: the map is nowhere without it. */
  readonly result: string;
  readonly strength: number;
  readonly onStrength: (strength: number) => void;
  readonly t: Translate;
}) {
  const [rows, columns] = explanation.grid;
  return (
    <section className="viewer-legend" aria-label={t('viewer.map', { finding })}>
      <p className="viewer-legend-title">{t('viewer.map', { finding })}</p>
      <p>{result}</p>
      <div className="viewer-scale">
        <span>{t('viewer.map.weakest')}</span>
        <svg viewBox="0 0 32 1" preserveAspectRatio="none" shapeRendering="crispEdges" aria-hidden="true">
          {samples.map((index) => (
            <rect key={index} x={index} y="0" width="1.1" height="1" fill={scaleColour((index + 0.5) / 32)} />
          ))}
        </svg>
        <span>{t('viewer.map.strongest')}</span>
      </div>
      <p className="soft small">
        {t('viewer.map.grid', { rows, columns, pixels: explanation.cellPixels })}. {t('viewer.map.outlined')}
      </p>
      <Slider
        className="viewer-slider"
        minValue={0.1}
        maxValue={0.9}
        step={0.05}
        formatOptions={{ style: 'percent' }}
        value={strength}
        onChange={onStrength}
      >
        <Label>{t('viewer.map.opacity')}</Label>
        <SliderOutput />
        <SliderTrack>
          <SliderThumb />
        </SliderTrack>
      </Slider>
      <p className="soft small">{t('viewer.map.meaning')}</p>
    </section>
  );
}
