import { AnswerReasonsProvider } from './answers/answer-reasons.tsx';
import { EvidencePage } from './evidence/evidence-page.tsx';
import type { Route } from './route.ts';
import { useSession } from './session.tsx';
import { StudyPage } from './timeline/study-page.tsx';
import { TimelinePage } from './timeline/timeline-page.tsx';
import { useChart } from './timeline/use-chart.ts';

/** The chart of one patient: its timeline, one study, one assessment. The chart is read once and moves by itself. */
export function Patient({ route }: { readonly route: Route }) {
  const { api } = useSession();
  const chart = useChart(api);
  return (
    <AnswerReasonsProvider>
      {route.at === 'assessment' ? (
        <EvidencePage key={route.id} id={route.id} chart={chart} />
      ) : route.at === 'study' ? (
        <StudyPage key={route.key} studyKey={route.key} chart={chart} />
      ) : (
        <TimelinePage chart={chart} />
      )}
    </AnswerReasonsProvider>
  );
}
