Feature: Large manuals
  A manual of more than 4 MB is announced first, put where a link leads, and completed. The link takes the file that was
  announced and no other, and nothing is a manual before it is completed.

  @stores
  Scenario: A large manual is announced, put and completed, and can then be asked about
    When Anna announces a manual of 5000000 bytes
    Then Anna is given a link
    When Anna puts the file where the link leads
    Then the link takes it
    When Anna completes the upload
    Then Anna is told that the manual is taken
    And the manual "large" of Anna is whole
    And Anna has exactly 1 manual in store
    When Anna reads the manual "large"
    Then the link to the manual "large" gives Anna the file that was sent

  @exact
  Scenario: A large manual is asked about like any other
    Given Anna has a manual of 4500001 bytes that came by a link
    When Anna asks "What load does the excavator lift?"
    Then the answer to Anna says "1900 kg"
    And the answer to Anna cites page 1 of the manual "large"

  @stores
  Scenario Outline: A large manual of <size> bytes is taken
    Given Anna has a manual of <size> bytes that came by a link
    Then Anna has exactly 1 manual in store
    When Anna lists the manuals
    Then Anna sees these manuals:
      | name      | pages | status |
      | large.pdf | 1     | ready  |

    Examples:
      | size    |
      | 4194305 |

    @slow
    Examples: As large as a manual may be
      | size     |
      | 52428800 |

  Scenario Outline: A manual of <size> bytes is not announced, for <reason>
    When Anna announces a manual of <size> bytes
    Then Anna is refused because "<reason>"
    When Anna lists the manuals
    Then Anna sees 0 manuals

    Examples:
      | size     | reason                           |
      | 4194304  | the file is too small for a link |
      | 1000     | the file is too small for a link |
      | 52428801 | the file is too large            |

  Scenario Outline: An announcement with <what> is refused
    When Anna announces a manual with "<what>"
    Then Anna is refused because "<reason>"

    Examples:
      | what                        | reason                           |
      | no name                     | the name cannot be one           |
      | a name of 256 letters       | the name cannot be one           |
      | a type that is not taken    | files of this type are not taken |
      | a checksum that is cut off  | the checksum cannot be one       |
      | a checksum that is too long | the checksum cannot be one       |
      | a checksum that is none     | the checksum cannot be one       |

  @stores
  Scenario: What is announced is no manual yet
    Given Anna announces a manual of 5000000 bytes
    When Anna puts the file where the link leads
    And Anna reads the manual "large"
    Then Anna is refused because "it is not there"
    When Anna lists the manuals
    Then Anna sees 0 manuals
    When Anna asks "What load does the excavator lift?"
    Then the manuals of Anna do not say

  @stores
  Scenario: An upload is completed only when its file is there
    Given Anna announces a manual of 5000000 bytes
    When Anna completes the upload
    Then Anna is refused because "the file is not there yet"
    And Anna has exactly 0 manuals in store
    When Anna puts the file where the link leads
    And Anna completes the upload
    Then Anna is told that the manual is taken
    And Anna has exactly 1 manual in store

  @stores
  Scenario: Completing twice gives the same manual, once
    Given Anna has a manual of 4200000 bytes that came by a link
    When Anna completes the upload
    Then Anna is told of the manual "large" again
    And Anna has exactly 1 manual in store

  @stores
  Scenario: A deleted manual is not completed again
    Given Anna has a manual of 4200000 bytes that came by a link
    When Anna deletes the manual "large"
    And Anna completes the upload
    Then Anna is refused because "it is not there"
    And nothing is left of the manual "large" of Anna

  @stores
  Scenario Outline: The link does not take <file>
    Given Anna announces a manual of 4200000 bytes
    When Anna puts "<file>" where the link leads
    Then the link refuses it
    And no file of Anna is left
    When Anna completes the upload
    Then Anna is refused because "the file is not there yet"

    Examples:
      | file                               |
      | one that differs in its last byte  |
      | one that is a byte longer          |
      | one that is a byte shorter         |

  @stores
  Scenario: A file that is not what it was announced as is no manual
    Given Anna announces text as a PDF
    When Anna puts the file where the link leads
    Then the link takes it
    When Anna completes the upload
    Then Anna is refused because "the file is not what it is called"
    When Anna lists the manuals
    Then Anna sees 0 manuals
    When Anna asks "What load does the excavator lift?"
    Then the manuals of Anna do not say

  @stores
  Scenario: Announced again with the same key, it is the same manual
    Given Anna announces a manual of 4200000 bytes with the key "monday-1"
    When Anna announces a manual of 4200000 bytes with the key "monday-1"
    Then Anna is given a link
    And Anna has announced one manual
    When Anna puts the file where the link leads
    And Anna completes the upload
    Then Anna has exactly 1 manual in store
    When Anna announces a manual of 4200001 bytes with the key "monday-1"
    Then Anna is refused because "the key was used for another upload"

  @clock
  Scenario: The link is good for a quarter of an hour, and no longer
    Given Anna announces a manual of 4200000 bytes
    When 16 minutes pass
    And Anna puts the file where the link leads
    Then the link refuses it

  @clock @stores
  Scenario: An upload can be completed for an hour, and no longer
    Given Anna announces a manual of 4200000 bytes
    And Anna puts the file where the link leads
    When 59 minutes pass
    And Anna completes the upload
    Then Anna is told that the manual is taken
    Given Bert announces a manual of 4200000 bytes
    And Bert puts the file where the link leads
    When 61 minutes pass
    And Bert completes the upload
    Then Bert is refused because "it is not there"
    When Bert lists the manuals
    Then Bert sees 0 manuals

  @clock
  Scenario: The link is good for all of its quarter of an hour
    Given Anna announces a manual of 4200000 bytes
    When 14 minutes pass
    And Anna puts the file where the link leads
    Then the link takes it
