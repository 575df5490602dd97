# encode_json makes bytes of UTF-8, which DBD::Pg encodes once more.
use strict;
use warnings;
use utf8;
use DBI;
use JSON::PP;

my $db      = DBI->connect('dbi:Pg:', undef, undef, { RaiseError => 1 });
my $length  = sub { $db->selectrow_array(q{SELECT length(?::outbox.form ->> 'message')}, undef, @_) };
my $form    = { message => '失败' };
my $right   = $length->(JSON::PP->new->encode($form));
my $wrong   = $length->(encode_json($form));
die "$right, $wrong" unless $right == 2 && $wrong == 6;
