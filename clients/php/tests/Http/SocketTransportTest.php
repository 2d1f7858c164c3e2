<?php

declare(strict_types=1);

namespace Allotment\Tests\Http;

use Allotment\Http\Address;
use Allotment\Http\SocketTransport;
use Allotment\Http\TransportProblem;
use Allotment\Tests\RawServer;
use PHPUnit\Framework\TestCase;

final class SocketTransportTest extends TestCase
{
    public function testRequest_whole_isWhatTheServerReads(): void
    {
        $server = new RawServer([[RawServer::answer(201, '')]]);
        $headers = ['X-Odd' => "a\r\nInjected: b"];
        (new SocketTransport())->send('POST', "$server->url/a%20b?c=d#e", $headers, '[1]', 2.0);
        $host = substr($server->url, strlen('http://'));
        $expected = "POST /a%20b?c=d HTTP/1.1\r\nX-Odd: a  Injected: b\r\nHost: $host\r\n"
            . "Connection: close\r\nContent-Length: 3\r\n\r\n[1]";
        self::assertSame([$expected], $server->requests());
    }

    /**
     * @dataProvider answers
     * @param list<string|int> $pieces
     */
    public function testAnswer_anyFraming_isRead(array $pieces, int $status, string $body): void
    {
        $server = new RawServer([$pieces]);
        $answer = (new SocketTransport())->send('GET', $server->url, [], '', 2.0);
        self::assertSame([$status, $body], [$answer->status, $answer->body]);
    }

    /** @return array<string, array{list<string|int>, int, string}> */
    public static function answers(): array
    {
        $chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
        $long = str_repeat('x', 100_000);
        return [
            'with a length' => [[RawServer::answer(200, 'body') . 'more'], 200, 'body'],
            'until the end' => [["HTTP/1.0 200 OK\r\n\r\nbody"], 200, 'body'],
            'in chunks' => [["{$chunked}4;x=y\r\nbo\r\n\r", 20, "\n2\r\ndy\r\n0\r\n\r\n"], 200, "bo\r\ndy"],
            'in pieces' => [['HTTP/1.1 2', 20, "00 OK\r\nContent-Length: 4\r", 20, "\n\r\nbo", 20, 'dy'], 200, 'body'],
            'after an interim one' => [["HTTP/1.1 100 Continue\r\n\r\n" . RawServer::answer(200, 'b')], 200, 'b'],
            'without a body' => [["HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\n", 500], 304, ''],
            'long' => [[RawServer::answer(200, $long)], 200, $long],
        ];
    }

    /**
     * @dataProvider damagedAnswers
     * @param list<string|int> $pieces
     */
    public function testAnswer_damagedOrLate_isAProblemInTime(array $pieces, string $problem): void
    {
        $server = new RawServer([$pieces]);
        $before = microtime(true);
        try {
            (new SocketTransport())->send('GET', $server->url, [], '', 0.3);
            self::fail('nothing was thrown');
        } catch (TransportProblem $found) {
            self::assertSame("$server->url: $problem", $found->getMessage());
        }
        self::assertLessThan(1.5, microtime(true) - $before);
    }

    /** @return array<string, array{list<string|int>, string}> */
    public static function damagedAnswers(): array
    {
        $drip = array_merge(...array_fill(0, 40, ['x', 50]));
        $chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbo";
        return [
            'silence' => [[900], 'no whole answer in time'],
            'one byte now and then' => [["HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n", ...$drip], 'no whole answer in time'],
            'a hung up connection' => [[], 'the answer broke off'],
            'a body that breaks off' => [["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nbody"], 'the answer broke off'],
            'chunks that break off' => [[$chunked], 'the answer broke off'],
            'no HTTP' => [["SSH-2.0-x\r\n\r\n"], 'the answer is no HTTP'],
        ];
    }

    public function testNobodyListens_isAProblem(): void
    {
        $server = new RawServer([[]]);
        $url = $server->url;
        unset($server);
        $this->expectException(TransportProblem::class);
        $this->expectExceptionMessage('Connection refused');
        (new SocketTransport())->send('GET', $url, [], '', 1.0);
    }

    /** @dataProvider wrongAddresses */
    public function testAddress_thatIsNone_isToldAtOnce(string $url): void
    {
        $this->expectException(\InvalidArgumentException::class);
        $this->expectExceptionMessage('give one such as http://127.0.0.1:8000');
        Address::of($url);
    }

    /** @return list<array{string}> */
    public static function wrongAddresses(): array
    {
        return [[''], ['registry'], ['ftp://a'], ['http://'], ['http:///x'], ["http://a/\r\nX: y"], ['http://a:99999']];
    }
}
