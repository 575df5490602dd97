# plackup --host 127.0.0.1 --port $PORT receiver.pl
use strict;
use warnings;
use DBI;
use Digest::SHA 'hmac_sha256';
use MIME::Base64 qw(decode_base64 encode_base64);
use Plack::Request;

my $key      = decode_base64($ENV{RECEIVER_KEY} =~ s/^whsec_//r);
die "RECEIVER_KEY is no key\n" if length $key < 24; # anybody could sign with an empty one
my $remember = 'INSERT INTO ringback.inbox (message_id, sent_at) VALUES (?, to_timestamp(CAST(? AS double precision)))
    ON CONFLICT DO NOTHING';
my $effect   = 'INSERT INTO execution_state (execution, code, message, tags) VALUES (?, ?, ?, ?)';

# Of two texts that an attacker may have chosen one of: the time says nothing of where they differ.
sub equal {
    my ($x, $y) = @_;
    return length $x == length $y && unpack('%32b*', $x ^ $y) == 0;
}

sub genuine {
    my ($headers, $body) = @_;
    my ($id, $sent_at) = map { $_ // '' } $headers->header('webhook-id'), $headers->header('webhook-timestamp');
    return 0 unless $sent_at =~ /\A[0-9]{1,11}\z/ && abs(time - $sent_at) <= 300;
    my $wanted = 'v1,' . encode_base64(hmac_sha256("$id.$sent_at.$body", $key), '');
    return grep { equal($wanted, $_) } split / /, $headers->header('webhook-signature') // '';
}

sub handle {
    my ($headers, $form) = @_;
    # What was parsed are bytes of UTF-8, and so they are bound.
    my $db = DBI->connect('dbi:Pg:', undef, undef, { RaiseError => 1, AutoCommit => 0, pg_enable_utf8 => 0 });
    my $added = $db->do($remember, undef, $headers->header('webhook-id'), $headers->header('webhook-timestamp'));
    if ($added > 0) { # 0E0: a duplicate
        my ($execution, $code) = map { $form->get($_) // die "no $_\n" } qw(flowExecutionId code);
        my $message = $form->get('message'); # may be left out
        $db->do($effect, undef, $execution, $code, $message, join ',', $form->get_all('tags'));
    }
    $db->commit;
    $db->disconnect;
}

sub {
    my $request = Plack::Request->new(shift);
    return [401, [], []] unless genuine($request->headers, $request->content);
    eval { handle($request->headers, $request->body_parameters); 1 } and return [204, [], []];
    warn $@;
    return [500, [], []]; # tried again
};
