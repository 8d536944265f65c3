/**
 * The 31 source attributes of a predictive decision support intervention, vocabulary `hti1-2024`.
 * Keys are those that OpenEMR uses. @see 45 CFR 170.315(b)(11)(iv)(B), (v)(A)(2)
 */
export interface SourceAttributeDefinition {
  readonly key: string;
  readonly clause: string;
  readonly name: string;
  /** The rule lets the module say that it is not available. */
  readonly mayBeNotAvailable: boolean;
}

const row = (
  key: string,
  clause: string,
  name: string,
  mayBeNotAvailable = false,
): SourceAttributeDefinition => ({
  key: `predictive_${key}`,
  clause,
  name,
  mayBeNotAvailable,
});

export const sourceAttributeVocabulary = 'hti1-2024';

export const sourceAttributeDefinitions: readonly SourceAttributeDefinition[] = [
  row('details_developer', '(1)(i)', 'Name and contact information for the intervention developer'),
  row(
    'details_funding',
    '(1)(ii)',
    'Funding source of the technical implementation for the intervention(s) development',
  ),
  row('details_output_value', '(1)(iii)', 'Description of value that the intervention produces as an output'),
  row(
    'details_output_type',
    '(1)(iv)',
    'Whether the intervention output is a prediction, classification, recommendation, evaluation, analysis, or other type of output',
  ),
  row('purpose_intended_use', '(2)(i)', 'Intended use of the intervention'),
  row('purpose_patient_population', '(2)(ii)', 'Intended patient population(s) for the intervention’s use'),
  row('purpose_intended_users', '(2)(iii)', 'Intended user(s)'),
  row(
    'purpose_decision_role',
    '(2)(iv)',
    'Intended decision-making role for which the intervention was designed to be used',
  ),
  row(
    'cautions_inappropriate_use',
    '(3)(i)',
    'Description of tasks, situations, or populations where a user is cautioned against applying the intervention',
  ),
  row(
    'cautions_risks',
    '(3)(ii)',
    'Known risks, inappropriate settings, inappropriate uses, or known limitations',
  ),
  row(
    'development_criteria',
    '(4)(i)',
    'Exclusion and inclusion criteria that influenced the training data set',
  ),
  row(
    'development_variables',
    '(4)(ii)',
    'Use of demographic, social and health status variables as input features',
  ),
  row(
    'development_demographics',
    '(4)(iii)',
    'Description of demographic representativeness according to those variables',
  ),
  row(
    'development_relevance',
    '(4)(iv)',
    'Description of relevance of training data to intended deployed setting',
  ),
  row(
    'fairness_approach',
    '(5)(i)',
    'Description of the approach the developer has taken to ensure that the intervention’s output is fair',
  ),
  row(
    'fairness_bias_mitigation',
    '(5)(ii)',
    'Description of approaches to manage, reduce, or eliminate bias',
  ),
  row(
    'validation_data_source',
    '(6)(i)',
    'Description of the data source, clinical setting, or environment where validity and fairness has been assessed, other than the source of training and testing data',
    true,
  ),
  row('validation_tester', '(6)(ii)', 'Party that conducted the external testing', true),
  row(
    'validation_demographics',
    '(6)(iii)',
    'Description of demographic representativeness of external data',
    true,
  ),
  row('validation_process', '(6)(iv)', 'Description of external validation process', true),
  row(
    'performance_internal_validity',
    '(7)(i)',
    'Validity of intervention in test data derived from the same source as the initial training data',
  ),
  row(
    'performance_internal_fairness',
    '(7)(ii)',
    'Fairness of intervention in test data derived from the same source as the initial training data',
  ),
  row(
    'performance_external_validity',
    '(7)(iii)',
    'Validity of intervention in data external to or from a different source than the initial training data',
    true,
  ),
  row(
    'performance_external_fairness',
    '(7)(iv)',
    'Fairness of intervention in data external to or from a different source than the initial training data',
    true,
  ),
  row(
    'performance_outcome_evaluation',
    '(7)(v)',
    'References to evaluation of use of the intervention on outcomes',
    true,
  ),
  row(
    'maintenance_validity_monitoring',
    '(8)(i)',
    'Description of process and frequency by which the intervention’s validity is monitored over time',
  ),
  row('maintenance_local_validity', '(8)(ii)', 'Validity of intervention in local data', true),
  row(
    'maintenance_fairness_monitoring',
    '(8)(iii)',
    'Description of the process and frequency by which the intervention’s fairness is monitored over time',
  ),
  row('maintenance_local_fairness', '(8)(iv)', 'Fairness of intervention in local data', true),
  row(
    'updates_process',
    '(9)(i)',
    'Description of process and frequency by which the intervention is updated',
    true,
  ),
  row(
    'updates_correction',
    '(9)(ii)',
    'Description of frequency by which the intervention’s performance is corrected when risks related to validity and fairness are identified',
    true,
  ),
];

/** One attribute as a package states it. */
export interface SourceAttribute {
  readonly status: 'provided' | 'not-available';
  readonly text: string;
  readonly evidence: readonly string[];
}
