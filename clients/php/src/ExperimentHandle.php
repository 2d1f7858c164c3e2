<?php

declare(strict_types=1);

namespace Allotment;

use Allotment\Configuration\StreamSettings;

/** One experiment as one visitor meets it. */
final class ExperimentHandle
{
    public const EXPOSURE_ACTION = 'experiment_exposure';

    /** Where the events of a forced group go, if nobody has configured its experiment. */
    private const DEFAULT_STREAM = 'product_metrics.web_base';
    private const EXPOSURE_ATTRIBUTES = [
        'performer_is_logged_in',
        'performer_is_temp',
        'performer_is_bot',
        'performer_edit_count',
        'mediawiki_database',
    ];

    /** @internal `Visitor::getExperiment` makes them */
    public function __construct(private readonly Visitor $visitor, public readonly string $name)
    {
    }

    /** The visitor's group; null where it is not enrolled. */
    public function getAssignedGroup(): ?string
    {
        return $this->visitor->membership()->group($this->name);
    }

    /**
     * Why the visitor is in that group, or in none.
     *
     * The step of the law that decided (`not_active`, `not_targeted`, `held_out`, `layer_taken`,
     * `not_sampled`, `assigned`, `overridden`), else `no_subject`, `edge`, `edge_unknown_group` or
     * `unknown_experiment`.
     */
    public function getReason(): string
    {
        return $this->visitor->membership()->reason($this->name);
    }

    /** Whether the visitor is in one of these groups. */
    public function isAssignedGroup(string ...$groups): bool
    {
        return in_array($this->getAssignedGroup(), $groups, true);
    }

    /**
     * Sends an event to the experiment's stream; nothing for a visitor who is not enrolled.
     *
     * The experiment's name stands in `instrument_name`: it tells the experiment's own events from
     * those that only carry its membership. A forced group of an experiment that nobody has
     * configured, such as a draft, sends to `product_metrics.web_base`, and so does one that names no
     * stream.
     *
     * @param array<array-key, mixed> $data further fields of the event
     * @param list<string> $attributes contextual attributes beside those that the configuration asks for
     * @param ?\DateTimeInterface $at when it was done; now if not given
     * @return bool whether the event is on its way
     */
    public function send(
        string $action,
        array $data = [],
        array $attributes = [],
        ?\DateTimeInterface $at = null,
    ): bool {
        return $this->sendWith($action, $data, $at, $attributes);
    }

    /**
     * Says that the visitor has now met its group. Call it where they do, not before.
     *
     * A visitor is exposed once: what is said again in one request counts as `already_exposed`. Beside
     * what the experiment asks for, the event tells whether the reader is logged in, has a temporary
     * account or is a bot, the edit count, and the site, as far as they are known.
     */
    public function sendExposure(): bool
    {
        return $this->visitor->expose(
            $this->name,
            fn (): bool => $this->sendWith(self::EXPOSURE_ACTION, [], null, self::EXPOSURE_ATTRIBUTES)
        );
    }

    /**
     * @param array<array-key, mixed> $data
     * @param list<string> $attributes
     */
    private function sendWith(string $action, array $data, ?\DateTimeInterface $at, array $attributes): bool
    {
        return $this->visitor->guarded(function () use ($action, $data, $at, $attributes): bool {
            $configuration = $this->visitor->configuration;
            if ($this->getAssignedGroup() === null) {
                return $this->visitor->refuse('not_enrolled');
            }
            $experiment = $configuration->experiment($this->name);
            $stream = $experiment === null || $experiment->streamName === ''
                ? self::DEFAULT_STREAM
                : $experiment->streamName;
            $settings = $configuration->stream($stream);
            if ($settings === null) {
                return $experiment === null
                    ? $this->visitor->refuse(
                        'unknown_experiment',
                        "experiment '$this->name' is not configured, and no '$stream' for its events"
                    )
                    : $this->visitor->refuse(
                        'unknown_stream',
                        "stream '$stream' of '$this->name' is not configured"
                    );
            }
            $schema = $experiment === null ? '' : $experiment->schemaId;
            $named = $experiment === null ? [] : $experiment->contextualAttributes;
            return $this->visitor->send(
                $stream,
                $schema === '' ? StreamSettings::defaultSchema($settings) : $schema,
                $action,
                $data,
                [...StreamSettings::requestedAttributes($settings), ...$named, ...$attributes],
                fixed: ['instrument_name' => $this->name],
                at: $at,
            );
        }, false);
    }
}
