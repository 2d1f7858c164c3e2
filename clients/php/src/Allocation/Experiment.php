<?php

declare(strict_types=1);

namespace Allotment\Allocation;

/** One experiment, as much of it as enrollment and events need. `ExperimentReader` makes them. */
final class Experiment
{
    private const OVERRIDDEN = 'overridden';
    private readonly int $totalWeight;

    /**
     * @param non-empty-list<string> $groups the first is the control
     * @param non-empty-list<int> $weights one a group
     * @param list<string> $contextualAttributes
     * @param list<Condition> $targeting
     * @param list<HoldoutRange> $holdouts
     */
    public function __construct(
        public readonly string $name,
        public readonly array $groups,
        public readonly array $weights,
        public readonly SampleRate $sampleRate,
        public readonly string $identifierType = IdentifierType::BROWSER,
        public readonly ?\DateTimeImmutable $start = null,
        public readonly ?\DateTimeImmutable $end = null,
        public readonly string $streamName = '',
        public readonly string $schemaId = '',
        public readonly array $contextualAttributes = [],
        public readonly string $version = '',
        public readonly int $phaseIndex = 0,
        public readonly ?LayerRange $layer = null,
        public readonly array $targeting = [],
        public readonly array $holdouts = [],
    ) {
        $this->totalWeight = (int) array_sum($weights);
    }

    /** Whether a time lies within start and end, both included; a missing bound is open. */
    public function isActive(\DateTimeInterface $now): bool
    {
        return ($this->start === null || $this->start <= $now) && ($this->end === null || $now <= $this->end);
    }

    /**
     * Evaluates the experiment for a subject; the first step that decides gives the reason.
     *
     * 1. A forced group wins (`overridden`); the subject id is then the word `overridden`.
     * 2. Outside its dates nobody is enrolled (`not_active`).
     * 3. All conditions on the attributes must hold (`not_targeted`).
     * 4. In each holdout, the subject's slot must lie outside the range kept out (`held_out`).
     * 5. In a layer, the subject's slot must lie in the experiment's range (`layer_taken`).
     * 6. The law's remainder against the site's rate (`not_sampled`).
     * 7. The law's slot names the group (`assigned`).
     *
     * @param ?string $site selects the rate; the default rate if null
     * @param ?\DateTimeInterface $now held against start and end; the clock's if null
     * @param array<array-key, string> $overrides forced groups by experiment
     * @param array<array-key, mixed> $attributes contextual attributes by their flat names
     *   (`page_namespace_id`), for targeting
     */
    public function allocate(
        string $subject,
        ?string $site = null,
        ?\DateTimeInterface $now = null,
        array $overrides = [],
        array $attributes = [],
    ): Allocation {
        if (isset($overrides[$this->name])) {
            return new Allocation($this->name, self::OVERRIDDEN, $overrides[$this->name], Reason::Overridden);
        }
        $hash = Law::subjectHash($subject, $this->name);
        if (!$this->isActive($now ?? new \DateTimeImmutable())) {
            return new Allocation($this->name, $hash, null, Reason::NotActive);
        }
        if ($this->targeting !== [] && !Targeting::meets($this->targeting, $attributes)) {
            return new Allocation($this->name, $hash, null, Reason::NotTargeted);
        }
        foreach ($this->holdouts as $kept) {
            $slot = Law::holdoutSlot($subject, $kept->holdout);
            if ($kept->begin <= $slot && $slot < $kept->end) {
                return new Allocation($this->name, $hash, null, Reason::HeldOut);
            }
        }
        if ($this->layer !== null && !$this->owns(Law::layerSlot($subject, $this->layer->layer))) {
            return new Allocation($this->name, $hash, null, Reason::LayerTaken);
        }
        $product = Law::head($hash) * $this->totalWeight;
        if (($product & (Law::HASH_SPAN - 1)) >= Law::threshold($this->sampleRate->at($site))) {
            return new Allocation($this->name, $hash, null, Reason::NotSampled);
        }
        $group = $this->groups[Law::groupIndex($product >> Law::HASH_BITS, $this->weights)];
        return new Allocation($this->name, $hash, $group, Reason::Assigned);
    }

    private function owns(int $slot): bool
    {
        return $this->layer !== null && $this->layer->begin <= $slot && $slot < $this->layer->end;
    }
}
