<?php

declare(strict_types=1);

// A page as a site without a framework writes it. Registry, intake and cache stand in the environment.

use Allotment\Client;
use Allotment\PageHead;
use Allotment\WebRequest;

require __DIR__ . '/../autoload.php';

if (isset($_GET['no-store'])) {
    header('Cache-Control: no-store, max-age=0');
    header('Vary: Accept-Encoding, cookie');
}
if (isset($_GET['session'])) {
    session_start();
}
$client = new Client(
    registryUrl: (string) getenv('REGISTRY'),
    intakeUrl: (string) getenv('INTAKE'),
    site: 'demowiki',
    cache: (string) getenv('CACHE'),
);
$visitor = WebRequest::visitor($client, userId: $_GET['user'] ?? null, trustEdge: isset($_GET['edge']));
$experiment = $visitor->getExperiment('related-articles-card');
$experiment->send('impression');
$experiment->sendExposure();
$group = htmlspecialchars($experiment->getAssignedGroup() ?? 'nobody');
$head = PageHead::html($client, $visitor, '/allotment.js');
echo "<html><head>$head</head><body>$group</body></html>";
