"""Kubernetes' CEL functions, as rules call them."""

import pytest

from control.schema.custom.cel import CelFailed, compile_rule


@pytest.mark.parametrize(
    "rule",
    [
        "[1, 2, 2].isSorted() && !['b', 'a'].isSorted()",
        "[1, 2].sum() == 3 && [].sum() == 0",
        "[3, 1].min() == 1 && ['a', 'b'].max() == 'b'",
        "[1, 2, 1].indexOf(1) == 0 && [1, 2, 1].lastIndexOf(1) == 2 && ['a'].indexOf('z') == -1",
        "['a', 'b'].join('-') == 'a-b' && ['a', 'b'].join() == 'ab'",
        "quantity('1Gi').isGreaterThan(quantity('1000M'))",
        "quantity('500m').isLessThan(quantity('1'))",
        "quantity('1k') == quantity('1000')",
        "quantity('1').add(quantity('500m')) == quantity('1500m')",
        "quantity('3').sub(1).asInteger() == 2",
        "quantity('1500m').asApproximateFloat() == 1.5 && !quantity('1500m').isInteger()",
        "quantity('-1').sign() == -1 && quantity('1').compareTo(quantity('2')) == -1",
        "isQuantity('1Gi') && !isQuantity('1 Gi')",
        "isURL('https://example.com') && !isURL('x y')",
        "url('https://a@example.com:80/x?y=1').getHost() == 'example.com:80'",
        "url('https://example.com:80/x?y=1').getHostname() == 'example.com'",
        "url('https://example.com:80/x?y=1').getPort() == '80'",
        "url('https://example.com/x?y=1').getQuery() == {'y': ['1']}",
        "url('https://example.com/x').getScheme() == 'https' && url('/x').getEscapedPath() == '/x'",
        "isIP('10.0.0.1') && !isIP('10.0.0.256')",
        "ip('::1').family() == 6 && ip('::1').isLoopback()",
        "ip('10.0.0.1') == ip('10.0.0.1') && ip.isCanonical('::1') && !ip.isCanonical('0:0::1')",
        "ip('224.0.0.1').isLinkLocalMulticast() && ip('fe80::1').isLinkLocalUnicast()",
        "ip('8.8.8.8').isGlobalUnicast() && !ip('0.0.0.0').isGlobalUnicast() && ip('0.0.0.0').isUnspecified()",
        "cidr('10.0.0.0/8').containsIP('10.1.1.1') && cidr('10.0.0.0/8').containsIP(ip('10.1.1.1'))",
        "cidr('10.0.0.0/8').containsCIDR('10.1.0.0/16') && !cidr('10.0.0.0/8').containsCIDR(cidr('11.0.0.0/8'))",
        "cidr('10.1.2.3/8').masked() == cidr('10.0.0.0/8') && cidr('10.0.0.0/8').prefixLength() == 8",
        "cidr('10.0.0.0/8').ip() == ip('10.0.0.0') && isCIDR('::/0')",
    ],
)
def test_functions_do_what_the_documentation_says(rule) -> None:
    assert compile_rule(rule).evaluate({"self": 0}) is True


@pytest.mark.parametrize("rule", ["ip('x').family() == 4", "cidr('x').prefixLength() == 1", "url('x y').getHost() == ''", "[].max() == 1"])  # fmt: skip
def test_what_is_no_such_value_fails(rule) -> None:
    with pytest.raises(CelFailed):
        compile_rule(rule).evaluate({"self": 0})
