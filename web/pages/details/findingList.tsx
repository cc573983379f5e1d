import type { ValidationFinding } from '../../../shared/api/validationReport.ts';
import { Badge } from '../../components/badge.tsx';
import { CopyButton } from '../../components/copyButton.tsx';
import { validationStateLabel } from '../../formats/states.ts';

/** What rules found, each with its remedy as SQL to copy. */
export function FindingList({ findings }: { findings: readonly ValidationFinding[] }) {
  return (
    <ul class="finding-list">
      {findings.map((finding, index) => (
        <li key={`${finding.ruleId ?? finding.type}-${index}`} class="finding">
          <div class="finding-head">
            <Badge label={validationStateLabel(finding.state)} />
            <code>{finding.ruleId ?? finding.type}</code>
            {finding.databaseName === undefined ? null : (
              <span class="muted">database {finding.databaseName}</span>
            )}
            {finding.code === undefined ? null : <span class="muted">{finding.code}</span>}
          </div>
          <p class="message">{finding.message}</p>
          {finding.remedy === undefined ? null : (
            <div class="remedy">
              <pre tabIndex={0} aria-label={`Remedy of ${finding.ruleId ?? finding.type}`}>
                {finding.remedy}
              </pre>
              <CopyButton
                text={finding.remedy}
                what={`the remedy of ${finding.ruleId ?? finding.type}`}
              />
            </div>
          )}
        </li>
      ))}
    </ul>
  );
}
