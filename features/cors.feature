@origins
Feature: Pages that may read
  Manuel's own pages may read its answers in a browser, errors too, and no other page may, whatever it is called.

  Scenario Outline: Our page may read the answer when Anna tries to <call>
    When Anna tries to "<call>" from "our page"
    Then the page may read the answer to Anna
    And the page may see number, build and waiting time of the answer to Anna
    And the answer to Anna is for that page alone

    Examples:
      | call                            |
      | ask a question                  |
      | list the manuals                |
      | upload a manual                 |
      | see whether Manuel is up        |
      | ask nothing                     |
      | read a manual                   |
      | call what is not there          |
      | call in a way that is not there |

  Scenario: Each of our pages is told by its own name
    When Anna tries to "see the quota" from "our other page"
    Then the page may read the answer to Anna
    When Anna tries to "see the quota" from "our page"
    Then the page may read the answer to Anna

  @direct
  Scenario: Our page learns that nobody is signed in
    Given Bert has no account
    When Bert tries to "see the quota" from "our page"
    Then Bert is refused because "nobody is signed in"
    And the page may read the answer to Bert

  @allowlist @addresses
  Scenario: Our page learns that a place is not allowed
    Given Anna is at a place that is not allowed
    When Anna tries to "see the quota" from "our page"
    Then Anna is refused because "the place is not allowed"
    And the page may read the answer to Anna

  Scenario Outline: <page> may not read
    When Anna tries to "list the manuals" from "<page>"
    Then the page may not read the answer to Anna
    And the answer to Anna is for that page alone

    Examples:
      | page                            |
      | a page of somebody else         |
      | a page whose name begins with ours |
      | a page whose name ends with ours |
      | a page below ours               |
      | our page without encryption     |
      | our page at another port        |
      | our page in capitals            |
      | our page with a path            |
      | a page without a name           |
      | any page                        |

  Scenario: Whatever a page is called, if it is not ours it may not read
    Then no page but ours may read an answer to Anna

  Scenario Outline: Our page is given leave to call before it calls: <call>
    Given Bert has no account
    When Bert tries to "<call>" from "our page"
    Then Bert is let in
    And the page may read the answer to Bert
    And the page may send tokens and signatures

    Examples:
      | call                                    |
      | ask for leave to ask a question         |
      | ask for leave to delete a manual        |
      | ask for leave to call what is not there |

  Scenario: Other pages are given no leave to call
    When Anna tries to "ask for leave to delete a manual" from "a page of somebody else"
    Then Anna is let in
    And the page may not read the answer to Anna

  @addresses
  Scenario: Leave to call is given beyond every limit
    Given Anna calls as often as the rate limit allows
    When Anna tries to "ask for leave to ask a question" from "our page"
    Then the page may read the answer to Anna
    And the page may send tokens and signatures
