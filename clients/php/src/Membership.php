<?php

declare(strict_types=1);

namespace Allotment;

/**
 * The experiments that one visitor is in, each map keyed by experiment name.
 *
 * `assigned` has one entry for every experiment in which the visitor is enrolled; the others hold keys
 * out of these. A forced group of an experiment that the configuration does not know has neither
 * sampling unit nor version. A name such as `7` is a whole number as a key of a PHP array.
 */
final class Membership
{
    /**
     * @param array<array-key, string> $assigned
     * @param array<array-key, string> $subjectIds
     * @param array<array-key, string> $samplingUnits
     * @param array<array-key, string> $coordinators
     * @param array<array-key, string> $versions
     * @param list<string> $overrides experiments whose group was forced
     * @param array<array-key, string> $reasons why, for every experiment that was evaluated, also where
     *   the visitor is not enrolled; no event and no page carries them
     */
    public function __construct(
        public readonly array $assigned = [],
        public readonly array $subjectIds = [],
        public readonly array $samplingUnits = [],
        public readonly array $coordinators = [],
        public readonly array $versions = [],
        public readonly array $overrides = [],
        public readonly array $reasons = [],
    ) {
    }

    /** The visitor's group in an experiment; null where it is not enrolled. */
    public function group(string $experiment): ?string
    {
        return $this->assigned[$experiment] ?? null;
    }

    /** Why the visitor is in its group or in none: what `ExperimentHandle::getReason` gives. */
    public function reason(string $experiment): string
    {
        return $this->reasons[$experiment] ?? 'unknown_experiment';
    }

    /**
     * Names of the experiments, in the order of the configuration.
     *
     * @return list<string>
     */
    public function enrolled(): array
    {
        return array_map('strval', array_keys($this->assigned));
    }

    /**
     * The `experiments` record of an event. Its maps are objects, so that JSON has `{}` for an empty one.
     *
     * @return array<string, list<string>|\stdClass>
     */
    public function toEvent(): array
    {
        return [
            'enrolled' => $this->enrolled(),
            'assigned' => (object) $this->assigned,
            'subject_ids' => (object) $this->subjectIds,
            'sampling_units' => (object) $this->samplingUnits,
            'coordinators' => (object) $this->coordinators,
            'versions' => (object) $this->versions,
        ];
    }

    /**
     * What a page's `window.allotmentUserExperiments` holds: the record and the overrides.
     *
     * @return array<string, list<string>|\stdClass>
     */
    public function toPage(): array
    {
        return [...$this->toEvent(), 'overrides' => $this->overrides];
    }
}
