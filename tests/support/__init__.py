"""What the tests from outside share: a running node, a signer of their own, small files."""
