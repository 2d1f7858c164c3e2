<?php

declare(strict_types=1);

namespace Allotment\Tests\Http;

use Allotment\Http\Psr18Transport;
use Allotment\Http\TransportProblem;
use Allotment\Tests\RawServer;
use GuzzleHttp\Client as Guzzle;
use GuzzleHttp\Psr7\HttpFactory;
use PHPUnit\Framework\TestCase;

final class Psr18TransportTest extends TestCase
{
    public function testRequestAndAnswer_overGuzzle_areWhole(): void
    {
        $server = new RawServer([[RawServer::answer(207, '{"invalid":[]}', "X-A: 1\r\nX-a: 2\r\n")]]);
        $transport = new Psr18Transport(new Guzzle(), new HttpFactory(), new HttpFactory());
        $answer = $transport->send('POST', "$server->url/v1/events", ['X-B' => 'c'], '[1]', 1.0);
        self::assertSame([207, '{"invalid":[]}'], [$answer->status, $answer->body]);
        self::assertSame('1, 2', $answer->headers['x-a']);
        self::assertMatchesRegularExpression("#^POST /v1/events HTTP/.*\r\nX-B: c\r\n.*\\[1\\]$#s", $server->requests()[0]);
    }

    public function testNobodyListens_isAProblem(): void
    {
        $server = new RawServer([[]]);
        $url = $server->url;
        unset($server);
        $this->expectException(TransportProblem::class);
        $transport = new Psr18Transport(new Guzzle(), new HttpFactory(), new HttpFactory());
        $transport->send('GET', $url, [], '', 1.0);
    }
}
