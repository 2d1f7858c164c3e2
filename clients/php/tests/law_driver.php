<?php

declare(strict_types=1);

// Answers questions about the law, one JSON object a line, so that another language can compare.

use Allotment\Allocation\ConfigError;
use Allotment\Allocation\ExperimentReader;
use Allotment\Allocation\IsoTime;
use Allotment\Allocation\Law;
use Allotment\Allocation\Overrides;
use Allotment\Json;

require __DIR__ . '/../autoload.php';

/** @return mixed what the law says */
function answer(stdClass $asked): mixed
{
    switch ($asked->ask) {
        case 'evaluate':
            try {
                $experiment = ExperimentReader::read($asked->experiment);
            } catch (ConfigError) {
                return null;
            }
            $found = $experiment->allocate(
                $asked->subject,
                $asked->site,
                IsoTime::read($asked->now),
                (array) $asked->overrides,
                (array) $asked->attributes,
            );
            return [$found->subjectId, $found->group, $found->reason->value];
        case 'time':
            $time = IsoTime::read($asked->text);
            return $time === null ? null : $time->getTimestamp() * 1000 + intdiv((int) $time->format('u'), 1000);
        case 'rate':
            return ExperimentReader::rate($asked->found);
        case 'sample':
            return Law::inSample($asked->id, (float) $asked->rate);
        default:
            return (object) Overrides::parse($asked->text);
    }
}

while (($line = fgets(STDIN)) !== false) {
    echo Json::encode(answer(Json::decode($line))), "\n";
}
