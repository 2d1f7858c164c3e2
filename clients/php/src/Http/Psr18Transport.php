<?php

declare(strict_types=1);

namespace Allotment\Http;

use Psr\Http\Client\ClientExceptionInterface;
use Psr\Http\Client\ClientInterface;
use Psr\Http\Message\RequestFactoryInterface;
use Psr\Http\Message\StreamFactoryInterface;

/** HTTP over the site's own PSR-18 client. How long an answer may take is that client's to bound. */
final class Psr18Transport implements Transport
{
    public function __construct(
        private readonly ClientInterface $client,
        private readonly RequestFactoryInterface $requests,
        private readonly StreamFactoryInterface $streams,
    ) {
    }

    public function send(string $method, string $url, array $headers, string $body, float $seconds): Answer
    {
        $request = $this->requests->createRequest($method, $url);
        foreach ($headers as $name => $value) {
            $request = $request->withHeader($name, $value);
        }
        if ($body !== '') {
            $request = $request->withBody($this->streams->createStream($body));
        }
        try {
            $response = $this->client->sendRequest($request);
            $text = (string) $response->getBody();
        } catch (ClientExceptionInterface | \RuntimeException $error) {
            throw new TransportProblem("$url: {$error->getMessage()}", 0, $error);
        }
        if (strlen($text) > self::MAX_ANSWER_BYTES) {
            throw new TransportProblem("$url: the answer is longer than " . self::MAX_ANSWER_BYTES . ' bytes');
        }
        $headers = [];
        foreach (array_keys($response->getHeaders()) as $name) {
            $headers[strtolower((string) $name)] = $response->getHeaderLine((string) $name);
        }
        return new Answer($response->getStatusCode(), $headers, $text);
    }
}
