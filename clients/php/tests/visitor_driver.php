<?php

declare(strict_types=1);

// One request as a site would serve it: a JSON object on standard input says who comes and what they
// do; each call's result is printed, and the events leave after the end.

use Allotment\Allocation\Overrides;
use Allotment\Client;
use Allotment\EdgeEnrollments;
use Allotment\Json;
use Allotment\PageHead;

require __DIR__ . '/../autoload.php';

// The command line has no such function; a web server's PHP ends the visitor's answer with it.
function fastcgi_finish_request(): bool
{
    echo "the answer has ended\n";
    return true;
}

$asked = json_decode((string) stream_get_contents(STDIN), true, 512, JSON_THROW_ON_ERROR);
$client = new Client(
    registryUrl: $asked['registry'],
    intakeUrl: $asked['intake'],
    site: 'demowiki',
    cache: $asked['cache'],
    domain: 'demo.example',
    refreshSeconds: $asked['refresh_seconds'] ?? 5.0,
    compress: $asked['compress'] ?? false,
    subjectKey: $asked['subject_key'] ?? null,
);
$visitor = $client->visitor(
    userId: $asked['user_id'] ?? null,
    browserId: $asked['browser_id'] ?? null,
    sessionId: $asked['session_id'] ?? null,
    overrides: Overrides::parse($asked['overrides'] ?? ''),
    context: $asked['context'] ?? [],
    edge: EdgeEnrollments::parse($asked['edge'] ?? ''),
);
$at = new DateTimeImmutable('2026-11-22T09:30:00.123456+01:00');
foreach ($asked['calls'] as [$call, $arguments]) {
    $found = match ($call) {
        'interaction' => $visitor->submitInteraction(...$arguments, at: $at),
        'click' => $visitor->submitClick(...$arguments, at: $at),
        'submit' => $visitor->submit(...$arguments, at: $at),
        'prefix' => array_map(
            static fn ($experiment) => [$experiment->name, $experiment->getAssignedGroup()],
            $visitor->getExperimentsByPrefix(...$arguments)
        ),
        'experiment' => $visitor->getExperiment(array_shift($arguments))->send(...$arguments, at: $at),
        'exposure' => $visitor->getExperiment($arguments[0])->sendExposure(),
        'instrument' => $visitor->getInstrument(array_shift($arguments))->send(...$arguments, at: $at),
        'why' => $visitor->getExperiment($arguments[0])->getReason(),
        'group' => $visitor->getExperimentBucketValue($arguments[0]),
        'page' => PageHead::variables($client, $visitor),
        'refused' => $client->refused(),
        'head' => PageHead::html($client, $visitor, '/allotment.js', 'abc'),
    };
    echo Json::encode($found), "\n";
}
register_shutdown_function(static function () use ($client): void {
    register_shutdown_function(static function () use ($client): void {
        register_shutdown_function(static fn () => print(Json::encode($client->describe()) . "\n"));
    });
});
