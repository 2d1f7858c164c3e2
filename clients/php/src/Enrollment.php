<?php

declare(strict_types=1);

namespace Allotment;

use Allotment\Allocation\Experiment;
use Allotment\Allocation\IdentifierType;
use Allotment\Allocation\Law;
use Allotment\Allocation\Reason;

/** Which experiments a visitor is in: a pure function of configuration, ids, overrides and the edge. */
final class Enrollment
{
    private const OVERRIDDEN = 'overridden';

    /** @var array<array-key, string> */
    private array $assigned = [];
    /** @var array<array-key, string> */
    private array $subjectIds = [];
    /** @var array<array-key, string> */
    private array $units = [];
    /** @var array<array-key, string> */
    private array $coordinators = [];
    /** @var array<array-key, string> */
    private array $versions = [];
    /** @var array<array-key, string> */
    private array $reasons = [];

    private function __construct()
    {
    }

    /**
     * Evaluates every experiment for one visitor by the law of allocation.
     *
     * A forced group wins over everything, and holds for unknown experiments too. Then counts what
     * the edge says of an experiment that randomizes browsers. An experiment whose type has no id of
     * this visitor is not evaluated.
     *
     * @param array<array-key, Experiment> $experiments by name
     * @param ?string $site selects the rate in each experiment's sample rates
     * @param array<array-key, string> $overrides forced groups by experiment name
     * @param array<array-key, mixed> $attributes contextual attributes by flat names
     * @param array<array-key, string> $edge groups that the edge gave, by experiment name
     * @param ?string $subjectKey a secret under which subject ids stand in the membership; null: plain
     *   hashes. Groups do not depend on it
     */
    public static function of(
        array $experiments,
        Identity $identity,
        ?string $site,
        \DateTimeInterface $now,
        array $overrides = [],
        array $attributes = [],
        array $edge = [],
        #[\SensitiveParameter] ?string $subjectKey = null,
    ): Membership {
        $made = new self();
        foreach ($experiments as $name => $experiment) {
            $subject = $identity->ofType($experiment->identifierType);
            if (!isset($overrides[$name])) {
                if (isset($edge[$name]) && $experiment->identifierType === IdentifierType::BROWSER) {
                    $isThere = in_array($edge[$name], $experiment->groups, true);
                    $made->reasons[$name] = $isThere ? 'edge' : 'edge_unknown_group';
                    if ($isThere) {
                        $made->add($experiment, $edge[$name], EdgeEnrollments::AWAITING, Coordinator::DEFAULT);
                    }
                    continue;
                }
                if ($subject === null) {
                    $made->reasons[$name] = 'no_subject';
                    continue;
                }
            }
            $found = $experiment->allocate($subject ?? '', $site, $now, $overrides, $attributes);
            $made->reasons[$name] = $found->reason->value;
            if ($found->group !== null) {
                $forced = $found->reason === Reason::Overridden;
                $coordinator = $forced ? Coordinator::FORCED : Coordinator::DEFAULT;
                $id = $forced || $subjectKey === null
                    ? $found->subjectId
                    : Law::keyedSubjectId($subjectKey, $subject ?? '', $experiment->name);
                $made->add($experiment, $found->group, $id, $coordinator);
            }
        }
        foreach (array_diff_key($overrides, $experiments) as $name => $group) {
            $made->assigned[$name] = $group;
            $made->subjectIds[$name] = self::OVERRIDDEN;
            $made->coordinators[$name] = Coordinator::FORCED;
            $made->reasons[$name] = Reason::Overridden->value;
        }
        return new Membership(
            $made->assigned,
            $made->subjectIds,
            $made->units,
            $made->coordinators,
            $made->versions,
            array_map('strval', array_keys($overrides)),
            $made->reasons,
        );
    }

    private function add(Experiment $experiment, string $group, string $subjectId, string $coordinator): void
    {
        $this->assigned[$experiment->name] = $group;
        $this->subjectIds[$experiment->name] = $subjectId;
        $this->units[$experiment->name] = $experiment->identifierType;
        $this->coordinators[$experiment->name] = $coordinator;
        if ($experiment->version !== '') {
            $this->versions[$experiment->name] = $experiment->version;
        }
    }
}
