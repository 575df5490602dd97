use strict;
use warnings;
use utf8;
use DBI;
use JSON::PP;

my $insert = 'INSERT INTO outbox.callback (url, form, ordering_key) VALUES (?, ?, ?)';
my $url    = $ENV{CALLBACK_URL};
# Characters, not bytes: encode_json would encode to UTF-8 what DBD::Pg encodes again.
my $json = JSON::PP->new->canonical;
# PGHOST, PGUSER and so on say where.
my $db = DBI->connect('dbi:Pg:', undef, undef, { RaiseError => 1, AutoCommit => 0 });

sub fail_execution {
    my ($execution, $message) = @_;
    $db->do("UPDATE flow_execution SET status = 'error' WHERE id = ?", undef, $execution);
    my $form = { code => 3, flowExecutionId => $execution, message => $message, tags => ['a', 'b'] };
    $db->do($insert, undef, $url, $json->encode($form), "execution $execution");
}

fail_execution(9007199254740993, '失败 💥');
$db->commit;

fail_execution(9007199254740994, 'never sent');
$db->rollback;

my $statement = $db->prepare($insert); # many at once
for my $n (0 .. 999) {
    $statement->execute($url, $json->encode({ code => 2, flowExecutionId => 9007199254740993 + $n }), undef);
}
$db->commit;
$db->disconnect;
