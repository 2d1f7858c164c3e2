<?php

declare(strict_types=1);

namespace Allotment\Tests;

/** A server in a process of its own that answers what a test says, also what no real one would. */
final class RawServer
{
    public readonly string $url;
    /** @var resource */
    private $process;
    /** @var array<int, resource> */
    private array $pipes = [];
    private readonly string $log;

    /** @param list<list<string|int>> $answers as `raw_server.php` takes them */
    public function __construct(array $answers)
    {
        $this->log = (string) tempnam(sys_get_temp_dir(), 'allotment-');
        $command = [PHP_BINARY, __DIR__ . '/raw_server.php', $this->log, json_encode($answers, JSON_THROW_ON_ERROR)];
        $process = proc_open($command, [['pipe', 'r'], ['pipe', 'w']], $this->pipes);
        assert($process !== false);
        $this->process = $process;
        $this->url = 'http://127.0.0.1:' . trim((string) fgets($this->pipes[1]));
    }

    public function __destruct()
    {
        array_map('fclose', $this->pipes);
        proc_close($this->process);
        unlink($this->log);
    }

    /** An answer as text. */
    public static function answer(int $status, string $body, string $headers = ''): string
    {
        return "HTTP/1.1 $status Whatever\r\nContent-Length: " . strlen($body) . "\r\n$headers\r\n$body";
    }

    /** @return list<string> the requests so far, as they came */
    public function requests(): array
    {
        $lines = file($this->log, FILE_IGNORE_NEW_LINES) ?: [];
        return array_map(static fn (string $line): string => (string) base64_decode(json_decode($line)), $lines);
    }
}
